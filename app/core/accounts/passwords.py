"""What a password may be (密码规则): 8 to 128 characters, no phone number in it, and none that everybody tries first.

Length counts most: NIST SP 800-63B asks for no mixture of characters. The words are our own list: what stands at the
top of published lists, in English and in pinyin, taken with whatever digits and marks surround it.
"""

import re
import unicodedata

LENGTH_MIN, LENGTH_MAX = 8, 128
PHONE_DIGITS_MIN = 6
"""So many digits of the phone in a row are too many."""

_LIST = """
    password passwort passwd passw pass admin administrator root user guest test tester testing login welcome letmein
    secret default changeme master hello hallo monkey dragon sunshine princess shadow superman batman pokemon football
    baseball soccer hockey basketball iloveyou loveyou lovely love baby angel flower summer winter spring autumn
    computer internet google facebook twitter instagram whatsapp wechat weixin alipay zhifubao taobao tencent qq baidu
    huawei xiaomi iphone apple samsung android windows linux microsoft starwars matrix trustno killer ninja mustang
    freedom whatever michael jordan charlie daniel jessica jennifer ashley thomas robert george andrew joshua
    qwerty qwert qwertz azerty asdf asdfg asdfgh asdfghjkl zxcv zxcvb zxcvbn zxcvbnm qazwsx qazwsxedc wsxedc qweasd
    qweasdzxc qwe asd zxc abc abcd abcde abcdef abcdefg abcdefgh aaa qqq www xyz
    woaini woaini woaiwo woaiwojia wodemima mima nihao zhongguo china beijing shanghai guangzhou shenzhen laopo laogong
    baobao xiaobao wangwei wangfang lina zhangwei liwei zhanglei lijing wangjing wangjun aini aiqing kuaile gongxi
    facai linli jiayuan woshishui woshi meimei gege didi jiejie mama baba tiantian xiaoming
"""
_WORDS = frozenset(_LIST.split())
_LEET = str.maketrans("013457@$!", "oleastasi")
_ROWS = (
    "01234567890",
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "abcdefghijklmnopqrstuvwxyz",
    "1qaz2wsx3edc",
)


def normalize_password(password: str) -> str:
    """Return the form that is hashed: one for all ways of typing the same characters (NFKC, RFC 8265)."""
    return unicodedata.normalize("NFKC", password)


def is_weak(password: str, *, phone: str) -> bool:
    """Say whether a normalized password is too short or too long, common, or holds the digits of ``phone``."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        return True
    digits = re.sub(r"\D", "", password)
    own = re.sub(r"\D", "", phone)
    if any(own[at : at + PHONE_DIGITS_MIN] in digits for at in range(len(own) - PHONE_DIGITS_MIN + 1)):
        return True
    return _is_common(password.casefold())


def _is_common(word: str) -> bool:
    if len(set(word)) <= 3 or _is_walk(word) or _repeats(word):  # noqa: PLR2004 - characters
        return True
    if word.isdigit():  # dates, and whatever else people remember of digits alone
        return len(word) < 12  # noqa: PLR2004
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", word)
    cores = {core, *(re.sub(r"[\W\d_]", "", form) for form in (word, word.translate(_LEET), core.translate(_LEET)))}
    return any(core in _WORDS or any(core == w * 2 for w in _WORDS) for core in cores)


def _repeats(word: str) -> bool:
    """Whether the word is a shorter one again and again, at most four characters long."""
    return any(len(word) % size == 0 and word == word[:size] * (len(word) // size) for size in range(1, 5))


def _is_walk(word: str) -> bool:
    """Whether the word walks along a row of the keyboard or the alphabet, forward or back, all the way."""
    return any(word in row * 2 or word in row[::-1] * 2 for row in _ROWS)
