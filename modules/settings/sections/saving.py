"""Where pictures go, under which names and in which format."""

from dataclasses import dataclass

from modules.param import param

FORMATS = ("png", "jpg", "jpeg", "webp", "avif")


@dataclass(frozen=True, kw_only=True)
class Saving:
    """Files of single pictures."""

    save: bool = param(True, "Save all generated pictures", setting="samples_save")
    format: str = param("png", "File format", setting="samples_format", choices=FORMATS)
    pattern: str = param(
        "",
        "File name pattern",
        setting="samples_filename_pattern",
        help="Such as [seed]-[prompt_words]; empty is [seed] in subfolders, else with the prompt.",
    )
    add_number: bool = param(True, "Number in front of the name", setting="save_images_add_number")
    if_taken: str = param(
        "Replace",
        "When a name without number is taken",
        setting="save_images_replace_action",
        choices=("Replace", "Add number suffix"),
        advanced=True,
    )
    quality: int = param(
        80,
        "Quality of JPEG, WebP and AVIF",
        setting="jpeg_quality",
        minimum=1,
        maximum=100,
        step=1,
    )
    webp_lossless: bool = param(False, "Lossless WebP", setting="webp_lossless")
    write_txt: bool = param(False, "Recipe in a text file beside each picture", setting="save_txt")
    small_copy: bool = param(
        True,
        "JPEG copy of very large pictures",
        setting="export_for_4chan",
        help="Written when the file is above the size limit or a side above the side limit.",
        advanced=True,
    )
    small_copy_above_mb: float = param(
        4.0,
        "File size limit in MiB",
        setting="img_downscale_threshold",
        minimum=0,
        maximum=10_000,
        advanced=True,
    )
    small_copy_side: int = param(
        4000,
        "Side limit in pixels",
        setting="target_side_length",
        minimum=16,
        maximum=65_535,
        advanced=True,
    )


@dataclass(frozen=True, kw_only=True)
class Grids:
    """The pictures of a job laid out in one."""

    save: bool = param(True, "Save grids", setting="grid_save")
    format: str = param("png", "File format of grids", setting="grid_format", choices=FORMATS)
    full_name: bool = param(
        False, "Pattern in the names of grids", setting="grid_extended_filename", advanced=True
    )
    only_if_multiple: bool = param(
        True, "No grid for a single picture", setting="grid_only_if_multiple"
    )
    page: bool = param(
        True,
        "Write a page to zoom through beside plots",
        setting="grid_save_page",
        help="One file that shows every picture of an X/Y/Z plot with its recipe.",
    )
    no_empty_spots: bool = param(
        False, "Prevent empty spots", setting="grid_prevent_empty_spots", advanced=True
    )
    rows: int = param(
        -1,
        "Rows of a grid",
        setting="n_rows",
        minimum=-1,
        maximum=16,
        step=1,
        help="-1 is nearly square, 0 is the batch size.",
    )
    text_colour: str = param(
        "#000000", "Colour of legends", setting="grid_text_active_color", advanced=True
    )
    faded_colour: str = param(
        "#999999",
        "Colour of struck out legends",
        setting="grid_text_inactive_color",
        advanced=True,
    )
    background: str = param(
        "#ffffff", "Colour behind legends", setting="grid_background_color", advanced=True
    )
    most_megapixels: int = param(
        200,
        "Most megapixels of a plot",
        setting="img_max_size_mp",
        minimum=1,
        maximum=2000,
        advanced=True,
    )


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Where things are written; relative paths start in the data folder."""

    samples: str = param(
        "",
        "One folder for all pictures",
        setting="outdir_samples",
        help="If set, it replaces the folders below.",
        advanced=True,
    )
    txt2img: str = param(
        "outputs/txt2img-images", "txt2img pictures", setting="outdir_txt2img_samples"
    )
    img2img: str = param(
        "outputs/img2img-images", "img2img pictures", setting="outdir_img2img_samples"
    )
    extras: str = param(
        "outputs/extras-images", "Pictures from Extras", setting="outdir_extras_samples"
    )
    grids: str = param("", "One folder for all grids", setting="outdir_grids", advanced=True)
    txt2img_grids: str = param(
        "outputs/txt2img-grids", "txt2img grids", setting="outdir_txt2img_grids"
    )
    img2img_grids: str = param(
        "outputs/img2img-grids", "img2img grids", setting="outdir_img2img_grids"
    )
    subfolders: bool = param(True, "Subfolders for pictures", setting="save_to_dirs")
    grid_subfolders: bool = param(True, "Subfolders for grids", setting="grid_save_to_dirs")
    per_person: bool = param(
        True,
        "A folder for everybody who logs in",
        setting="save_to_user_dirs",
        help="Below the folders above; only if people log in.",
    )
    subfolder_pattern: str = param(
        "[date]", "Subfolder name pattern", setting="directories_filename_pattern"
    )
    saved: str = param("log/images", "Pictures kept with Save", setting="outdir_save")
    saved_subfolders: bool = param(
        False, "Subfolders for pictures kept with Save", setting="use_save_to_dirs_for_ui"
    )
    write_log: bool = param(
        True, "Add pictures kept with Save to log.csv", setting="save_write_log_csv"
    )
    gallery: tuple[str, ...] = param(
        (),
        "More folders for the gallery",
        setting="gallery_folders",
        help="Such as the outputs of another program; they are shown where they are.",
    )
    prompt_words: int = param(
        8,
        "Most words for [prompt_words]",
        setting="directories_max_prompt_words",
        minimum=1,
        maximum=20,
        step=1,
        advanced=True,
    )
