"""The demo's vocabulary: extracts of public word lists (``data``; sources in NOTICE) and invented names."""

import csv
from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import NamedTuple


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN_NAMES = _words(
    "伟 芳 娜 敏 静 丽 强 磊 军 洋 勇 艳 杰 娟 涛 明 超 秀英 霞 平 刚 桂英 建国 建华 玉兰 晓明 晓燕 志强 海燕 文博 "
    "子涵 雨桐 浩然 思远 嘉怡 欣妍 宇航 俊杰 佳宁 春梅 红梅 国庆 立新 秀兰 婷婷 雪梅 凤英 宏伟 永强 海涛 晨曦 一鸣 "
    "若溪 书瑶"
)

COMMUNITY_ENDINGS = ("南里", "北里", "东里", "西里", "家园", "新苑", "佳园", "花园", "雅居", "小区")

TRADE_NAMES = _words(
    "禾满 巷口 拾味 邻春 麦田里 南墙 小满 青禾 两棵树 老井 灯笼巷 晴耕 知味斋 半亩 槐荫 石榴院 桥头 三合 旺角湾 "
    "福临 柳叶 云上 喜鹊 四时 一碗 街角 阿嬷 山泉 金穗 百合 向阳 团圆 芳邻 柿子树 暖阳 玉兰 绿篱 星火 和顺 长乐 "
    "荷塘 竹影 天天见 有间 大树下 花满 好邻居里 朝露 同心 归园 春晖 秋实 北归 清和 丰登 乐活 如意里 晨光里 安康 "
    "惠民里"
)

BRANDS = _words("禾岭 云漾 麦垄 山谷集 小橡 青屿 日日鲜记 柚见 满谷 北坡 雨前 稻花里")
"""Invented brands; the position is part of the barcode."""

EVERYDAY = {
    "vegetable": "胡萝卜 黄瓜 茄子 大白菜 菠菜 芹菜 大葱 大蒜 南瓜 青椒 豆角 玉米 红薯 油麦菜 圆白菜 西葫芦",
    "fruit": "西瓜 葡萄 草莓 樱桃 菠萝 芒果 桃子 李子 蓝莓 砂糖橘 香瓜 柚子",
    "meat": "五花肉 猪里脊 排骨 牛腩 鸡翅中 鸡腿 鸡胸肉 鸡蛋 猪蹄 肥牛卷 羊肉卷 鲜鸭蛋",
    "seafood": "鲈鱼 基围虾 花蛤 鲫鱼 虾仁 大闸蟹 龙利鱼 小龙虾",
    "staple": "大米 面粉 小米 挂面 绿豆 红豆 糯米 速冻水饺 速冻汤圆 粉丝",
    "seasoning": "陈醋 料酒 蚝油 豆瓣酱 芝麻酱 花椒 八角 鸡精 食盐 冰糖 红糖 蜂蜜 香油 榨菜",
    "drink": "矿泉水 橙汁 绿茶 红茶 柠檬茶 椰汁 豆奶 可乐味汽水 茉莉花茶 啤酒",
    "snack": "薯片 瓜子 开心果 腰果 果冻 话梅 山楂片 海苔 爆米花 锅巴 奶糖 苏打饼干 肉松 午餐肉 草莓果酱",
}
"""Household words by group, beside the extract's; weighed like the middle one of their group."""

HOUSEHOLD = _words(
    "抽纸 卷纸 洗衣液 洗洁精 牙膏 牙刷 沐浴露 洗发水 香皂 垃圾袋 保鲜膜 保鲜袋 湿巾 洗手液 拖鞋 毛巾 电池 雨伞 "
    "打火机 一次性纸杯 钢丝球 百洁布 衣架 蚊香液"
)

PHARMACY = _words(
    "创可贴 医用纱布 医用棉签 碘伏消毒液 酒精棉片 医用外科口罩 电子体温计 退热贴 医用冰袋 血压计 血糖试纸 弹性绷带 "
    "医用胶带 维生素C片 维生素B族片 钙片 鱼油软胶囊 葡萄糖口服液 板蓝根颗粒 感冒清热颗粒 布洛芬缓释胶囊 健胃消食片 "
    "蒙脱石散 藿香正气水 开塞露 清凉油 风油精 川贝枇杷膏 润喉糖 生理盐水 滴眼液 护手霜 电热护腰 护膝 护腕 艾草贴 "
    "暖宝宝 足浴包 菊花茶包 枸杞 金银花露 蜂胶喷雾"
)
"""Over the counter only."""

SERVICES = {
    "cleaning": "日常保洁 深度保洁 开荒保洁 擦玻璃 厨房油污清洗 卫生间除垢 油烟机清洗 空调清洗 洗衣机清洗 冰箱清洗 "
    "热水器清洗 地板打蜡 地毯清洗 沙发清洗 床垫除螨 窗帘清洗 灯具清洗 衣柜整理 鞋柜整理 甲醛治理",
    "repair": "水管维修 马桶疏通 下水道疏通 水龙头更换 灯具安装 开关插座更换 电路检修 门锁维修 门窗维修 纱窗更换 "
    "家具安装 墙面修补 瓷砖修补 防水补漏 空调维修 洗衣机维修 冰箱维修 热水器维修 燃气灶维修 晾衣架安装",
    "care": "钟点工 做饭阿姨 住家保姆 育儿嫂 月嫂 老人陪护 陪诊 助浴 理发上门 按摩上门 遛狗 上门喂猫 代买代办 搬家 "
    "小件搬运 旧衣回收 衣物洗护 鞋靴洗护 家教陪读 接送孩子",
}

LEISURE = {
    "cinema": "单人票 双人票 亲子票 爆米花套餐 可乐套餐 包厅观影 情侣座 夜场票",
    "gym": "健身次卡 瑜伽课 动感单车课 私教课 游泳票 羽毛球场 乒乓球台 普拉提课",
    "massage": "足疗 全身推拿 肩颈放松 采耳 艾灸 刮痧 头部舒缓 盲人按摩",
    "games": "桌游畅玩 剧本体验 密室 台球 电竞包间 棋牌室 掼蛋包间 主机游戏",
    "family": "淘气堡 手工陶艺 绘画课 积木乐园 儿童烘焙 科学实验课 蹦床 亲子阅读",
    "hair": "洗剪吹 烫发 染发 头皮护理 美甲 美睫 修眉 男士理发",
}
OCCASIONS = ("工作日", "周末", "通用")


class Dish(NamedTuple):
    """A dish and the kind of dish it is."""

    category: str
    name: str


class Center(NamedTuple):
    """A district's center, WGS-84."""

    district_code: str
    district: str
    lat: float
    lng: float


def centers() -> dict[str, Center]:
    """Return the centers of the districts with a store, by district code."""
    rows = _rows("centers.csv")
    return {row[0]: Center(row[0], row[1], float(row[2]), float(row[3])) for row in rows}


def streets() -> dict[str, list[str]]:
    """Return the streets near each store, by district code, the nearest first."""
    found: dict[str, list[str]] = defaultdict(list)
    for district_code, street in _rows("streets.csv"):
        found[district_code].append(street)
    return dict(found)


@cache
def dishes(*categories: str) -> tuple[Dish, ...]:
    """Return the dishes of ``categories``."""
    return tuple(Dish(category, name) for category, name in _rows("dishes.csv") if category in categories)


@cache
def foods(group: str) -> dict[str, float]:
    """Return the food words of ``group`` with how sought they are: the root of their frequency in written Chinese."""
    weights = {word: int(frequency) ** 0.5 for of, word, frequency in _rows("foods.csv") if of == group}
    middle = sorted(weights.values())[len(weights) // 2]
    return weights | dict.fromkeys(EVERYDAY.get(group, "").split(), middle)


def _rows(name: str) -> list[list[str]]:
    text = files("app.cli.demo").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines()))[1:]
