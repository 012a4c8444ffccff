r"""Make the demo's small data files again from the public data they come from.

    python -m app.cli.demo.extract --districts districts.csv --streets streets.csv \
        --dishes dishes.csv --foods THUOCL_food.txt

Only what the demo uses is kept. NOTICE names the sources and their terms.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from app.kernel.geo import gcj02_to_wgs84

DATA = Path(__file__).parent / "data"
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)

STREETS = {
    "110109": ("大峪街道", "城子街道", "东辛房街道", "永定地区", "龙泉地区"),
    "110113": ("胜利街道", "光明街道", "石园街道", "双丰街道", "旺泉街道", "仁和地区", "马坡地区", "南法信地区"),
    "110112": (
        "中仓街道",
        "新华街道",
        "北苑街道",
        "玉桥街道",
        "通运街道",
        "九棵树街道",
        "杨庄街道",
        "永顺镇",
        "梨园镇",
    ),
    "110106": ("卢沟桥街道", "丰台街道", "新村街道", "看丹街道", "五里店街道", "青塔街道", "六里桥街道"),
    "110108": (
        "四季青地区",
        "曙光街道",
        "万柳地区",
        "田村路街道",
        "八里庄街道",
        "紫竹院街道",
        "甘家口街道",
        "海淀街道",
    ),
}
"""District code → the streets near its experience store; the first gives the store's own neighborhood."""

DISH_CATEGORIES = frozenset(
    {"aquatic", "breakfast", "dessert", "drink", "meat_dish", "soup", "staple", "vegetable_dish"},
)
NOT_ON_A_MENU = re.compile(
    "[A-Za-z（]|微波|空气炸锅|电饭煲|烤箱|蒸箱|煮锅|懒人|简易|完美|厨师机|饼皮|红酱|金汤力|金菲士|长岛|海边落日|可乐桶",
)
"""Recipes named after a kitchen machine, half-made things and strong drinks."""

FOODS = {
    "vegetable": "土豆 西红柿 洋葱 生姜 韭菜 青菜 生菜 冬瓜 萝卜 莲藕 山药 西兰花 花菜 蒜苗 豆芽 绿豆芽 茼蒿 莴笋 "
    "红椒 香菜 芦笋 金针菇 香菇 平菇 草菇 木耳 海带 茭白 西芹 茶树菇 猴头菇",
    "fruit": "苹果 香蕉 柠檬 石榴 猕猴桃 雪梨 水蜜桃 杏子 甜瓜 哈密瓜 脐橙 桔子 葡萄柚 火龙果 山竹 冬枣 人参果 "
    "无花果 梨子 牛油果 百香果 金桔 圣女果 番石榴",
    "meat": "羊肉 鸭肉 里脊 牛柳 羊排 肉末 培根 香肠 腊肉 鹌鹑蛋 豆腐 豆腐干 千张 豆皮 猪肝 鸡杂",
    "seafood": "带鱼 鱿鱼 草鱼 三文鱼 鳕鱼 黄花鱼 扇贝 生蚝 海蜇 墨鱼 金枪鱼 银鱼",
    "drink": "牛奶 酸奶 豆浆 纯净水 苏打水 柠檬汁 葡萄汁 乌龙茶 铁观音 普洱茶 速溶咖啡 咖啡豆 酸梅汤 龙井茶 "
    "脱脂牛奶 苹果醋 椰子汁 果蔬汁",
    "snack": "巧克力 牛肉干 葡萄干 山核桃 核桃仁 花生仁 棉花糖 火腿肠 鱿鱼丝 冰激凌 牛皮糖 米果 奶酪 黄油 泡菜 桃酥 "
    "绿豆糕 蛋卷 夹心饼干 威化饼干",
    "staple": "方便面 意大利面 通心粉 燕麦片 米线 粉条 紫菜 黄豆 黑豆 核桃 薏仁 糙米 黑米 八宝粥 芸豆",
    "seasoning": "酱油 白糖 花生油 橄榄油 菜籽油 调和油 番茄酱 辣椒酱 甜面酱 沙拉酱 五香粉 辣椒粉 孜然 白胡椒 "
    "黑胡椒 淀粉 芥末 咖喱 豆豉 豆腐乳 海盐",
    "street_food": "包子 馒头 油条 馄饨 煎饼 豆腐脑 锅贴 汤包 花卷 肉夹馍 驴打滚 烧麦 蒸饺 八宝饭 糯米饭 酒酿 布丁 "
    "泡芙 甜甜圈 三明治",
}
"""Group → food words of the lexicon that the demo sells."""


@click.command(help=__doc__)
@click.option("--districts", type=_EXISTING, required=True, help="Districts with their centers, GCJ-02.")
@click.option("--streets", type=_EXISTING, required=True, help="Streets and townships with their districts.")
@click.option("--dishes", type=_EXISTING, required=True, help="Dish names with their categories.")
@click.option("--foods", type=_EXISTING, required=True, help="Food words with their frequencies.")
def main(*, districts: Path, streets: Path, dishes: Path, foods: Path) -> None:
    """Write the files under ``data``."""
    _write("centers.csv", ("district_code", "district", "lat", "lng"), _centers(_read(districts)))
    _write("streets.csv", ("district_code", "street"), _streets(_read(streets)))
    _write("dishes.csv", ("category", "dish"), _dishes(_read(dishes)))
    _write("foods.csv", ("group", "word", "frequency"), _foods(foods.read_text(encoding="utf-8")))


def _centers(rows: Iterable[dict[str, str]]) -> Iterator[Sequence[object]]:
    for row in rows:
        if row["area_code"] in STREETS:
            lat, lng = gcj02_to_wgs84(float(row["lat_gcj02"]), float(row["lng_gcj02"]))
            yield row["area_code"], row["name"], f"{lat:.6f}", f"{lng:.6f}"


def _streets(rows: Iterable[dict[str, str]]) -> Iterator[Sequence[object]]:
    known = {(row["areaCode"], row["name"]) for row in rows}
    for district, names in STREETS.items():
        for name in names:
            if (district, name) not in known:
                raise click.ClickException(f"{name} is not a street of {district}")
            yield district, name


def _dishes(rows: Iterable[dict[str, str]]) -> Iterator[Sequence[object]]:
    for row in rows:
        if row["category"] in DISH_CATEGORIES and not NOT_ON_A_MENU.search(row["dish"]):
            yield row["category"], row["dish"]


def _foods(lexicon: str) -> Iterator[Sequence[object]]:
    frequencies = {word: int(count) for word, count in re.findall(r"^(\S+)\s+(\d+)", lexicon, re.MULTILINE)}
    for group, words in FOODS.items():
        for word in words.split():
            if word not in frequencies:
                raise click.ClickException(f"{word} is not in the lexicon")
            yield group, word, frequencies[word]


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _write(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    found = list(rows)
    with (DATA / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(found)
    click.echo(f"{name}: {len(found)} rows")


if __name__ == "__main__":
    main()
