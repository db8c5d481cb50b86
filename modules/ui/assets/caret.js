// Where a character of a text box is on the screen.

const LOOK = [
	"boxSizing", "width", "borderTopWidth", "borderRightWidth", "borderBottomWidth", "borderLeftWidth", "paddingTop", "paddingRight",
	"paddingBottom", "paddingLeft", "fontFamily", "fontSize", "fontStyle", "fontWeight", "letterSpacing", "lineHeight", "tabSize", "textIndent",
	"textTransform", "wordSpacing", "direction",
];

/** The place of the character at `index`: { left, top, width, height } in pixels from the box's own corner. */
export function placeIn(area, index) {
	const twin = document.createElement("div");
	const style = getComputedStyle(area);
	for (const name of LOOK) twin.style[name] = style[name];
	Object.assign(twin.style, { position: "absolute", visibility: "hidden", top: "0", left: "-9999px", whiteSpace: "pre-wrap", overflowWrap: "break-word", borderStyle: "solid" });
	const mark = document.createElement("span");
	mark.textContent = area.value[index] && area.value[index] !== "\n" ? area.value[index] : "\u200b";
	twin.append(area.value.slice(0, index), mark, area.value.slice(index + 1));
	document.body.append(twin);
	const place = {
		left: mark.offsetLeft - area.scrollLeft, top: mark.offsetTop - area.scrollTop, width: mark.offsetWidth, height: mark.offsetHeight,
	};
	twin.remove();
	return place;
}

/** Put text in place of a piece of a text box, so that undo takes it back. */
export function replacePiece(area, from, to, text) {
	area.focus();
	area.setSelectionRange(from, to);
	if (document.execCommand("insertText", false, text)) return;
	area.setRangeText(text, from, to, "end");
	area.dispatchEvent(new Event("input", { bubbles: true }));
}
