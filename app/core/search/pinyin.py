"""Readings in pinyin: of names, when they are written, and of what somebody types.

A reading has one capital a syllable, ``TuDou``; whatever is not Chinese stands between spaces. ``ü`` is ``v``.
"""

import re

_SYLLABLE = re.compile(r"[a-z]+")
_CHINESE = re.compile(r"[\u3400-\u9fff]+")
SPELLINGS_MAX = 16
TYPED_MAX = 40
"""Longer letters are no pinyin that anybody types."""

SYLLABLES = frozenset(
    """
    a ai an ang ao ba bai ban bang bao bei ben beng bi bian biao bie bin bing bo bu ca cai can cang cao ce cen ceng cha
    chai chan chang chao che chen cheng chi chong chou chu chua chuai chuan chuang chui chun chuo ci cong cou cu cuan
    cui cun cuo da dai dan dang dao de dei den deng di dia dian diao die ding diu dong dou du duan dui dun duo e ei en
    eng er fa fan fang fei fen feng fo fou fu ga gai gan gang gao ge gei gen geng gong gou gu gua guai guan guang gui
    gun guo ha hai han hang hao he hei hen heng hong hou hu hua huai huan huang hui hun huo ji jia jian jiang jiao jie
    jin jing jiong jiu ju juan jue jun ka kai kan kang kao ke kei ken keng kong kou ku kua kuai kuan kuang kui kun kuo
    la lai lan lang lao le lei leng li lia lian liang liao lie lin ling liu lo long lou lu luan lun luo lv lve ma mai
    man mang mao me mei men meng mi mian miao mie min ming miu mo mou mu na nai nan nang nao ne nei nen neng ni nian
    niang niao nie nin ning niu nong nou nu nuan nun nuo nv nve o ou pa pai pan pang pao pei pen peng pi pian piao pie
    pin ping po pou pu qi qia qian qiang qiao qie qin qing qiong qiu qu quan que qun ran rang rao re ren reng ri rong
    rou ru rua ruan rui run ruo sa sai san sang sao se sen seng sha shai shan shang shao she shei shen sheng shi shou
    shu shua shuai shuan shuang shui shun shuo si song sou su suan sui sun suo ta tai tan tang tao te teng ti tian tiao
    tie ting tong tou tu tuan tui tun tuo wa wai wan wang wei wen weng wo wu xi xia xian xiang xiao xie xin xing xiong
    xiu xu xuan xue xun ya yan yang yao ye yi yin ying yo yong you yu yuan yue yun za zai zan zang zao ze zei zen zeng
    zha zhai zhan zhang zhao zhe zhei zhen zheng zhi zhong zhou zhu zhua zhuai zhuan zhuang zhui zhun zhuo zi zong zou
    zu zuan zui zun zuo
    """.split()  # noqa: SIM905 - four hundred quotation marks would hide them
)
"""The syllables of standard Chinese, without tones."""
_BEGINNINGS = frozenset(syllable[:length] for syllable in SYLLABLES for length in range(1, len(syllable) + 1))
_LONGEST = max(map(len, SYLLABLES))


def reading_of(words: str) -> str:
    """Return the reading of a name in normal form; a character with several is read as the words around it want."""
    from pypinyin import lazy_pinyin  # noqa: PLC0415 - 55 MiB, and wanted where names are written alone

    parts = []
    for part in re.split(f"({_CHINESE.pattern})", words):
        if _CHINESE.fullmatch(part):
            read = lazy_pinyin(part, errors="ignore")
            parts.append("".join(one.capitalize() for one in read if _SYLLABLE.fullmatch(one)))
        else:
            parts.append(part.strip())
    return " ".join(part for part in parts if part)


def spellings(typed: str) -> tuple[str, ...]:
    """Return regular expressions of the readings that ``typed`` may begin or spell: ``tudou``, ``tud``, ``td``.

    ``typed`` is taken apart into syllables, or what syllables begin with. A whole syllable stands for itself unless it
    comes last; one letter, or a part, stands for all that begin so. Of many ways the first, with the longest
    syllables.
    """
    found: list[tuple[str, ...]] = []
    if len(typed) <= TYPED_MAX:
        _take_apart(typed, (), found, set())
    return tuple(
        "".join(
            part.capitalize() if part in SYLLABLES and len(part) > 1 and place < len(parts) - 1
            else f"{part.capitalize()}[a-z]*"
            for place, part in enumerate(parts)
        )
        for parts in found
    )  # fmt: skip


def _take_apart(rest: str, parts: tuple[str, ...], found: list[tuple[str, ...]], dead: set[str]) -> None:
    """Find ways to take ``rest`` apart; a ``dead`` end is looked at once."""
    if not rest:
        found.append(parts)
        return
    before = len(found)
    for length in range(min(_LONGEST, len(rest)), 0, -1):
        if len(found) >= SPELLINGS_MAX:
            return
        if rest[:length] in _BEGINNINGS and rest[length:] not in dead:
            _take_apart(rest[length:], (*parts, rest[:length]), found, dead)
    if len(found) == before:
        dead.add(rest)
