// Puts a note below the prompt that follows what is typed.
onUiLoaded(function () {
    var prompt = gradioApp().querySelector("#txt2img_prompt textarea");
    var note = document.createElement("div");
    note.id = "page_notes";
    note.textContent = "0 words";
    gradioApp().querySelector("#txt2img_prompt").appendChild(note);
    prompt.addEventListener("input", function () {
        note.textContent = prompt.value.split(/\s+/).filter(Boolean).length + " words";
    });
    var button = document.createElement("button");
    button.id = "page_notes_fill";
    button.textContent = "Fill";
    button.onclick = function () {
        prompt.value = "one two three";
        updateInput(prompt);
    };
    note.after(button);
});

onUiUpdate(function () {
    window.pageNotesUpdates = (window.pageNotesUpdates || 0) + 1;
});

onOptionsChanged(function () {
    window.pageNotesOption = opts.sd_model_checkpoint !== undefined;
});
