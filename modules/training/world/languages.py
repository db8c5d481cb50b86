"""Chinese and Japanese captions: short ones, as lists of what is there.

CLIP's tokenizer has no words of these languages, but carries them as byte tokens, two or three a
character; so captions longer than `LONGEST` characters would not fit into its 75.
"""

from dataclasses import dataclass
from random import Random

from modules.training.world.scene import Item, Scene

LONGEST = 26


@dataclass(frozen=True)
class Language:
    """The words of a language, by the names in the world's tables, and how they are joined."""

    words: dict[str, str]
    """Things, skies, grounds, weathers, styles, and what stands before a noun."""
    colours: dict[str, tuple[str, str]]
    """Before a noun, and in the name of a background."""
    places: dict[str, str]
    """How two things are told together: {0} is the first, {1} the second."""
    counts: dict[int, str]
    background: str
    joints: tuple[str, ...]


def _table(text: str) -> dict[str, str]:
    """Pairs of a name and its word, "ball 球; cube 方块"."""
    pairs = (pair.strip().rsplit(" ", 1) for pair in text.split(";"))
    return {name: word for name, word in pairs}


def _colours(text: str) -> dict[str, tuple[str, str]]:
    """Names with two words each, "red 赤い/赤"."""
    return {name: (w.split("/")[0], w.split("/")[-1]) for name, w in _table(text).items()}


CHINESE = Language(
    words=_table(
        "ball 球; cube 方块; house 房子; tree 树; flower 花; car 汽车; heart 心; mushroom 蘑菇; "
        "star 星星; boat 船; cat 猫; fish 鱼; cup 杯子; balloon 热气球; girl 女孩; king 国王; "
        "robot 机器人; bird 鸟; butterfly 蝴蝶; rabbit 兔子; bear 熊; turtle 乌龟; snail 蜗牛; "
        "cactus 仙人掌; pine 松树; castle 城堡; tent 帐篷; rocket 火箭; plane 飞机; train 火车; "
        "kite 风筝; drum 鼓; gift 礼物; apple 苹果; ice cream 冰淇淋; cake 蛋糕; umbrella 雨伞; "
        "crown 王冠; hat 帽子; basket 篮子; bowl 碗; "
        "day 白天; sunset 日落; night 夜晚; overcast 阴天; dawn 黎明; aurora 极光; "
        "grass 草地; desert 沙漠; snow 雪地; sea 大海; beach 海滩; leaves 落叶; flowers 花田; "
        "street 街道; rain 下雨; snowfall 下雪; clouds 白云; rainbow 彩虹; "
        "outline 线描; watercolour 水彩; pixel art 像素画; "
        "light 浅; dark 深; striped 条纹; dotted 圆点; shiny 闪亮的; small 小; big 大"
    ),
    colours=_colours(
        "red 红色的/红色; yellow 黄色的/黄色; green 绿色的/绿色; blue 蓝色的/蓝色; "
        "purple 紫色的/紫色; pink 粉色的/粉色; white 白色的/白色; black 黑色的/黑色; "
        "orange 橙色的/橙色; brown 棕色的/棕色; grey 灰色的/灰色; turquoise 青色的/青色"
    ),
    places=_table(
        "row 左边{0}右边{1}; stack {0}在{1}上方; behind {0}在{1}前面; on {0}在{1}上; in {0}在{1}里"
    ),
    counts={2: "两个", 3: "三个", 4: "四个"},
    background="{0}背景",
    joints=("，", "，", ", "),
)

JAPANESE = Language(
    words=_table(
        "ball ボール; cube 立方体; house 家; tree 木; flower 花; car 車; heart ハート; "
        "mushroom キノコ; star 星; boat 船; cat 猫; fish 魚; cup カップ; balloon 気球; "
        "girl 女の子; king 王様; robot ロボット; bird 鳥; butterfly 蝶; rabbit ウサギ; "
        "bear クマ; turtle 亀; snail カタツムリ; cactus サボテン; pine 松; castle 城; tent テント; "
        "rocket ロケット; plane 飛行機; train 汽車; kite 凧; drum 太鼓; gift 贈り物; apple リンゴ; "
        "ice cream アイス; cake ケーキ; umbrella 傘; crown 王冠; hat 帽子; basket かご; bowl 鉢; "
        "day 昼; sunset 夕焼け; night 夜; overcast 曇り; dawn 夜明け; aurora オーロラ; "
        "grass 草原; desert 砂漠; snow 雪原; sea 海; beach 砂浜; leaves 落ち葉; flowers 花畑; "
        "street 道路; rain 雨; snowfall 雪; clouds 白い雲; rainbow 虹; "
        "outline 線画; watercolour 水彩; pixel art ドット絵; "
        "light 明るい; dark 暗い; striped 縞の; dotted 水玉の; shiny 光る; small 小さい; big 大きい"
    ),
    colours=_colours(
        "red 赤い/赤い; yellow 黄色い/黄色い; green 緑の/緑の; blue 青い/青い; purple 紫の/紫の; "
        "pink ピンクの/ピンクの; white 白い/白い; black 黒い/黒い; orange オレンジの/オレンジの; "
        "brown 茶色の/茶色の; grey 灰色の/灰色の; turquoise 水色の/水色の"
    ),
    places=_table(
        "row 左に{0}右に{1}; stack {1}の上方に{0}; behind {1}の前に{0}; on {1}に乗った{0}; "
        "in {1}の中の{0}"
    ),
    counts={2: "二つの", 3: "三つの", 4: "四つの"},
    background="{0}背景",
    joints=("、", "、", ", "),
)

LANGUAGES: dict[str, Language] = {"zh": CHINESE, "ja": JAPANESE}


def _noun(language: Language, item: Item) -> str:
    words = language.words
    before = (words[word] for word in (item.size, item.pattern, item.tone) if word)
    return "".join(before) + language.colours[item.colour][0] + words[item.thing]


def foreign_caption(scene: Scene, name: str, rng: Random) -> str:
    """All of the scene in the named language; "" if that would be too long for the tokenizer."""
    language = LANGUAGES[name]
    nouns = [_noun(language, item) for item in scene.items]
    if len(nouns) == 1:
        things = nouns[0]
    elif scene.mixed:
        things = language.places[scene.arrangement].format(*nouns)
    else:
        things = language.counts[len(nouns)] + nouns[0]
    backdrop, words = scene.backdrop, language.words
    if backdrop.plain:
        behind = [language.background.format(language.colours[backdrop.plain][1])]
    else:
        names = (backdrop.ground, backdrop.sky, backdrop.weather)
        behind = [words[each] for each in names if each]
    style = [words[scene.style]] if scene.style else []
    text = rng.choice(language.joints).join([things, *behind, *style])
    return text if len(text) <= LONGEST else ""


def foreign_words() -> list[str]:
    """Everything such captions are made of: what a vocabulary must cover."""
    found = []
    for language in LANGUAGES.values():
        nouns = [word for colour in language.colours.values() for word in colour]
        found += [*language.words.values(), *nouns, *language.counts.values(), *language.joints]
        found += [language.background.format(""), *language.places.values()]
    return found
