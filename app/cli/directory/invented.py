"""Invented merchants for a directory of any size, the same for the same seed: clustered around cities, named at random.

Cities are well-known places to a hundredth of a degree, WGS-84; everything else is made up and says so
(``source`` is ``synthetic``).
"""

from collections.abc import Iterator

import numpy as np

from app.cli.demo.words import SURNAMES, TRADE_NAMES
from app.core.directory.rules import Listed

SOURCE = "synthetic"
BLOCK = 25_000

CITIES = {
    "北京": (39.90, 116.40, 6), "上海": (31.23, 121.47, 5), "广州": (23.13, 113.26, 4), "深圳": (22.54, 114.06, 4),
    "成都": (30.57, 104.07, 4), "重庆": (29.56, 106.55, 4), "天津": (39.13, 117.20, 3), "武汉": (30.59, 114.31, 3),
    "杭州": (30.27, 120.15, 3), "西安": (34.34, 108.94, 3), "苏州": (31.30, 120.58, 3), "南京": (32.06, 118.80, 3),
    "郑州": (34.75, 113.63, 3), "长沙": (28.23, 112.94, 2), "沈阳": (41.80, 123.43, 2), "青岛": (36.07, 120.38, 2),
    "济南": (36.65, 117.12, 2), "合肥": (31.82, 117.23, 2), "福州": (26.07, 119.30, 2), "厦门": (24.48, 118.09, 2),
    "昆明": (24.88, 102.83, 2), "哈尔滨": (45.80, 126.53, 2), "长春": (43.82, 125.32, 2), "大连": (38.91, 121.61, 2),
    "石家庄": (38.04, 114.51, 2), "太原": (37.87, 112.55, 2), "南宁": (22.82, 108.37, 2), "南昌": (28.68, 115.86, 2),
    "贵阳": (26.65, 106.63, 2), "兰州": (36.06, 103.83, 1), "乌鲁木齐": (43.83, 87.62, 1),
    "呼和浩特": (40.84, 111.75, 1),
    "海口": (20.04, 110.34, 1), "银川": (38.49, 106.23, 1), "西宁": (36.62, 101.78, 1), "拉萨": (29.65, 91.11, 1),
    "宁波": (29.87, 121.54, 2), "无锡": (31.49, 120.31, 2), "佛山": (23.02, 113.12, 2), "东莞": (23.02, 113.75, 2),
}  # fmt: skip
"""Name → latitude, longitude, weight."""
DISTRICTS = 90
"""Centers of each city, near ones dense and far ones thin."""
TRADES = {
    "便利店": ("便利店", "超市", "小卖部", "百货店"),
    "快餐小吃": ("面馆", "饺子馆", "盖饭", "米线", "快餐", "麻辣烫"),
    "正餐": ("家常菜", "川菜馆", "火锅", "烤鱼", "饭庄"),
    "果蔬生鲜": ("水果店", "蔬菜店", "生鲜", "肉铺"),
    "美发": ("理发店", "造型", "美发"),
    "药店": ("大药房", "药店"),
    "奶茶甜品": ("奶茶", "甜品", "糖水铺"),
    "面包蛋糕": ("面包房", "蛋糕店", "西饼"),
    "家政保洁": ("家政", "保洁", "洗衣店"),
    "维修": ("家电维修", "开锁", "手机维修"),
    "休闲娱乐": ("足疗", "台球", "桌游", "健身"),
    "五金建材": ("五金", "灯具", "建材"),
    "母婴": ("母婴店", "童装"),
    "宠物": ("宠物店", "宠物医院"),
}
"""Category → what shops of it are called; the first are the commonest."""
STREETS = (
    "人民路",
    "解放路",
    "建设路",
    "中山路",
    "和平街",
    "新华街",
    "文化路",
    "胜利路",
    "东风路",
    "光明街",
    "幸福路",
    "长江路",
)
ENDINGS = ("", "", "", "一店", "二店", "总店", "旗舰店")


def invent(count: int, seed: int) -> Iterator[Listed]:
    """Yield ``count`` merchants."""
    centers, weights, names = _centers(np.random.default_rng((seed, 0)))
    trades = list(TRADES)
    popularity = 1 / np.arange(1, len(trades) + 1)
    for block, start in enumerate(range(0, count, BLOCK), start=1):
        rng = np.random.default_rng((seed, block))
        size = min(BLOCK, count - start)
        at = rng.choice(len(centers), size, p=weights)
        spread = rng.laplace(0, 0.006, (size, 2))
        points = np.round(centers[at] + spread, 6)
        kinds = rng.choice(len(trades), size, p=popularity / popularity.sum())
        picks = rng.integers(0, 1 << 30, (size, 5))
        for place in range(size):
            category = trades[kinds[place]]
            one, two, three, four, five = picks[place].tolist()
            words = TRADES[category]
            person = SURNAMES[one % len(SURNAMES)] + "记" if one & 1024 else TRADE_NAMES[one % len(TRADE_NAMES)]
            street = STREETS[three % len(STREETS)]
            yield Listed(
                f"{person}{words[two % len(words)]}{ENDINGS[four % len(ENDINGS)]}",
                category,
                points[place, 0].item(),
                points[place, 1].item(),
                f"{names[at[place]]}{street}{five % 900 + 1}号",
                SOURCE,
            )


def _centers(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[str]]:
    centers, weights, names = [], [], []
    for city, (lat, lng, weight) in CITIES.items():
        away = np.abs(rng.normal(0, 0.25, DISTRICTS))
        angle = rng.uniform(0, 2 * np.pi, DISTRICTS)
        centers.append(np.stack([lat + away * np.sin(angle), lng + away * np.cos(angle)], axis=1))
        weights.append(weight * rng.lognormal(0, 0.7, DISTRICTS) / (1 + 4 * away))
        names += [city] * DISTRICTS
    every = np.concatenate(weights)
    return np.concatenate(centers), every / every.sum(), names
