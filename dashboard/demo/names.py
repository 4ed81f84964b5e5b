"""Where the demo's people live and what they are called: as they write it, and in letters that an e-mail address takes."""

from dataclasses import dataclass

Names = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Country:
    """A country: how many people, their languages and time zones, what their mobile numbers begin with and how long they are."""

    code: str
    people: int
    locales: tuple[str, ...]
    timezones: tuple[str, ...]
    mobile: str  # the beginning, with the country code
    digits: int  # how many more there are
    given: Names
    family: Names
    family_first: bool = False
    latin: bool = False  # those who use it in English write their names in Latin letters


def _names(text: str) -> Names:
    """`Zoë=zoe Jan` to (("Zoë", "zoe"), ("Jan", "jan"))."""
    pairs = (word.partition("=") for word in text.split())
    return tuple((shown, plain or shown.lower()) for shown, _, plain in pairs)


# Nepal's prefix 961 belonged to an operator that has closed; the others are only ever spoken to by the simulator.
COUNTRIES = (
    Country(
        "NP", 105, ("ne", "ne", "en", "new"), ("Asia/Kathmandu",), "+977961", 7,
        _names("सीता=sita राम=ram गीता=gita हरि=hari माया=maya विष्णु=bishnu सरिता=sarita प्रकाश=prakash अनिता=anita सुनिल=sunil "
               "कमला=kamala दीपक=deepak निर्मला=nirmala राजेश=rajesh बिमला=bimala आयुष=ayush"),
        _names("श्रेष्ठ=shrestha गुरुङ=gurung तामाङ=tamang महर्जन=maharjan अधिकारी=adhikari थापा=thapa राई=rai शाक्य=shakya "
               "कार्की=karki पौडेल=poudel"),
        latin=True,
    ),
    Country(
        "IN", 48, ("hi", "en-IN", "en-IN", "mr"), ("Asia/Kolkata",), "+9170001", 5,
        _names("आरव=aarav प्रिया=priya रोहन=rohan अनन्या=ananya विक्रम=vikram मीना=meena कबीर=kabir दीया=diya ईशान=ishaan"),
        _names("शर्मा=sharma वर्मा=verma पटेल=patel अय्यर=iyer नायर=nair सिंह=singh ख़ान=khan रेड्डी=reddy"),
        latin=True,
    ),
    Country(
        "DE", 30, ("de",), ("Europe/Berlin",), "+4915228", 6,
        _names("Jürgen=juergen Käthe=kaethe Björn=bjoern Anneliese Günther=guenther Zoë=zoe Lukas Mia Özlem=oezlem"),
        _names("Müller=mueller Größ=groess Schäfer=schaefer Weiß=weiss Köhler=koehler Çelik=celik Bauer"),
    ),
    Country(
        "BR", 28, ("pt-BR",), ("America/Sao_Paulo", "America/Manaus", "America/Recife"), "+55119", 8,
        _names("João=joao Conceição=conceicao Antônio=antonio Luíza=luiza Caio Inês=ines Thiago Letícia=leticia"),
        _names("Gonçalves=goncalves Araújo=araujo Magalhães=magalhaes Silva Brandão=brandao"),
    ),
    Country(
        "JP", 24, ("ja",), ("Asia/Tokyo",), "+81701", 7,
        _names("陽菜=hina 蓮=ren 結衣=yui 大翔=hiroto さくら=sakura 健太=kenta 美咲=misaki"),
        _names("佐藤=sato 鈴木=suzuki 高橋=takahashi 渡辺=watanabe 小林=kobayashi"), family_first=True,
    ),
    Country(
        "GB", 22, ("en-GB", "en-GB", "cy"), ("Europe/London",), "+4474000", 5,
        _names("Siân=sian Oliver Niamh Callum Zainab Harriet Dafydd"),
        _names("O'Neill=oneill Jones Okafor MacLeod=macleod Hughes"),
    ),
    Country(
        "US", 16, ("en-US", "es-US"), ("America/New_York", "America/Chicago", "America/Los_Angeles"), "+120255501", 2,
        _names("Ava Noah José=jose Grace Liam Renée=renee"), _names("Nguyen García=garcia Smith Washington Kim"),
    ),
    Country(
        "KE", 12, ("sw", "en-KE"), ("Africa/Nairobi",), "+254712", 6,
        _names("Wanjiru Otieno Achieng Kamau Njeri"), _names("Mwangi Odhiambo Kiptoo Wambui"),
    ),
    Country(
        "AE", 8, ("ar",), ("Asia/Dubai",), "+97150", 7,
        _names("فاطمة=fatima محمد=mohammed مريم=maryam خالد=khalid"),
        _names("المنصوري=almansouri الهاشمي=alhashimi النعيمي=alnuaimi"),
    ),
)
