"""The coverage page's looks: one set of rules, and a set of colours for each theme of the console."""

_LIGHT = {
    "ground": "#ffffff",
    "raised": "#f6f8fa",
    "line": "#dfe4ea",
    "strong": "#b4bec9",
    "ink": "#101820",
    "quiet": "#4f5d6b",
    "link": "#0b5cad",
    "bad": "#b3261e",
    "bad-ground": "#fdf0ee",
    "wait": "#8a5200",
    "wait-ground": "#fdf5e6",
    "good": "#176b3a",
    "hub": "#2f4fb3",
    "on-primary": "#ffffff",
}
_DARK = {
    "ground": "#0f1621",
    "raised": "#18212e",
    "line": "#2a3646",
    "strong": "#4a5a6e",
    "ink": "#e8edf3",
    "quiet": "#a5b3c2",
    "link": "#7cb8ff",
    "bad": "#ff9088",
    "bad-ground": "#2b181b",
    "wait": "#f2b95c",
    "wait-ground": "#2a2113",
    "good": "#68d391",
    "hub": "#a3b8ff",
    "on-primary": "#08111d",
}
# Each rule is below .lifeline, the root's class. Layout follows the widget's own width, which is not the window's.
_RULES = """
.lifeline{container-type:inline-size;box-sizing:border-box;padding:12px;background:var(--ground);color:var(--ink);
font:14px/1.45 "Amazon Ember","Open Sans","Helvetica Neue",Roboto,Arial,sans-serif;overflow-wrap:break-word}
.lifeline *{box-sizing:border-box}
.lifeline h2,.lifeline h3,.lifeline h4,.lifeline p,
.lifeline ul,.lifeline ol,.lifeline dl,.lifeline dd{margin:0;padding:0}
.lifeline h2{font-size:20px;line-height:1.25;font-weight:700;letter-spacing:-.01em}
.lifeline h3{display:inline;font-size:16px;line-height:1.35;font-weight:400}
.lifeline h4{margin:16px 0 6px;font-size:13px;line-height:1.4;font-weight:700}
.lifeline b{font-weight:700}
.lifeline b,.lifeline code{unicode-bidi:isolate}
.lifeline code{font:12px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;color:var(--quiet);
background:none;padding:0;border:0;overflow-wrap:anywhere}
.lifeline ul,.lifeline ol{list-style:none}
.lifeline .meta,.lifeline .age{color:var(--quiet)}
.lifeline .meta,.lifeline .why,.lifeline .acts{font-size:13px}
.lifeline .unseen{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);
white-space:nowrap}
.lifeline .totals{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:1px;margin:14px 0 12px;
border:1px solid var(--line);border-radius:8px;overflow:hidden;background:var(--line)}
.lifeline .totals>div{padding:10px 14px;background:var(--ground)}
.lifeline .totals dt{color:var(--quiet);font-size:12px}
.lifeline .totals dd{font-size:20px;line-height:1.3;font-weight:700;font-variant-numeric:tabular-nums}
.lifeline .totals dd small{display:block;font-size:12px;font-weight:400;color:var(--quiet)}
.lifeline .banner{margin:10px 0 0;padding:8px 12px;border-left:3px solid var(--wait);border-radius:0 6px 6px 0;
background:var(--wait-ground);font-size:13px}
.lifeline .banner.stop{border-color:var(--bad);background:var(--bad-ground)}
.lifeline .legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:12px;color:var(--quiet)}
.lifeline i{display:inline-block;width:1.15em;font-style:normal;text-align:center}
.lifeline .missing,.lifeline .blocked{color:var(--bad);font-weight:700}
.lifeline .pending,.lifeline .unknown{color:var(--wait);font-weight:700}
.lifeline .served{color:var(--good)}
.lifeline .central{color:var(--hub)}
.lifeline .exempt,.lifeline .none{color:var(--quiet)}
.lifeline .vpc{margin-top:16px;padding:14px 16px 16px;border:1px solid var(--line);border-top:3px solid var(--strong);
border-radius:8px}
.lifeline .vpc.bad{border-top-color:var(--bad)}
.lifeline .vpc.wait{border-top-color:var(--wait)}
.lifeline .sums{display:flex;flex-wrap:wrap;gap:2px 14px;margin-top:6px;font-size:13px}
.lifeline .scroll{margin-top:14px;overflow-wrap:normal;overflow-x:auto}
.lifeline table{width:100%;border-collapse:collapse;border:0;font-size:13px;background:none}
.lifeline th,.lifeline td{padding:6px 12px 6px 0;border:0;border-bottom:1px solid var(--line);text-align:left;
vertical-align:top;background:none;font-weight:400;color:inherit}
.lifeline td{white-space:nowrap}
.lifeline thead th{padding-top:0;color:var(--quiet);font-size:12px;white-space:nowrap}
.lifeline tbody tr:last-child>*{border-bottom:0}
.lifeline th small,.lifeline td small{display:block;font-size:11px;color:var(--quiet)}
.lifeline th code{margin-right:8px;font-size:11px;overflow-wrap:normal}
.lifeline .why li,.lifeline .acts li{padding:2px 0 2px 1.5em;text-indent:-1.5em}
.lifeline .why li>*,.lifeline .acts li>*{text-indent:0}
.lifeline .incident{margin-top:14px;padding:12px 14px;border-radius:6px;background:var(--bad-ground)}
.lifeline .incident.mending{background:var(--wait-ground)}
.lifeline .incident h4{margin:0;font-size:14px}
.lifeline .line{margin-top:10px}
.lifeline .line li{position:relative;padding:0 0 12px 24px;font-size:13px}
.lifeline .line li:last-child{padding-bottom:0}
.lifeline .line li::before{content:"";position:absolute;z-index:1;left:1px;top:4px;width:11px;height:11px;
border:2px solid var(--ink);border-radius:50%;background:var(--ink)}
.lifeline .line li.gap::before{border-color:var(--bad);background:var(--bad)}
.lifeline .line li.endpoint::before,.lifeline .line li.available::before{border-color:var(--hub);background:var(--hub)}
.lifeline .line li.recovery::before{border-color:var(--good);background:var(--good)}
.lifeline .line li.to-come::before{border-style:dashed;background:var(--ground)}
.lifeline .line li::after{content:"";position:absolute;left:6px;top:10px;bottom:-4px;
border-left:1px solid var(--strong)}
.lifeline .line li:last-child::after{display:none}
.lifeline .line .kind{display:block;font-weight:700}
.lifeline .line .at{display:block;font-size:12px;color:var(--quiet)}
.lifeline time{font-variant-numeric:tabular-nums}
.lifeline .btns{display:flex;flex-wrap:wrap;gap:8px;margin-top:14px}
.lifeline .btns cwdb-action{display:none}
.lifeline .btn{appearance:none;margin:0;padding:5px 14px;border:1px solid var(--strong);border-radius:16px;
background:var(--ground);color:var(--ink);font:inherit;font-size:13px;font-weight:700;line-height:1.4;text-align:left;
cursor:pointer}
.lifeline .btn:hover{background:var(--raised);border-color:var(--ink)}
.lifeline .btn.primary{border-color:var(--link);background:var(--link);color:var(--on-primary)}
.lifeline .btn.primary:hover{border-color:var(--ink)}
.lifeline .btn.grave{border-color:transparent;background:none;color:var(--bad)}
.lifeline .btn.grave:hover{border-color:var(--bad)}
.lifeline :focus-visible{outline:2px solid var(--link);outline-offset:2px}
.lifeline summary{width:fit-content;max-width:100%;padding:6px 0;cursor:pointer;font-size:13px;color:var(--quiet)}
.lifeline summary h3{color:var(--ink)}
.lifeline .well{margin-top:16px;padding:8px 16px;border:1px solid var(--line);border-radius:8px}
.lifeline .well>summary{font-size:14px}
.lifeline .well .vpc{margin:0;padding:0 0 12px;border:0;border-top:1px solid var(--line);border-radius:0}
.lifeline .well .vpc>summary{padding:8px 0}
.lifeline .well h3{font-size:14px}
.lifeline .rest{margin-top:16px}
@container (max-width:639px){
.lifeline .vpc,.lifeline .well{padding-left:12px;padding-right:12px}
.lifeline .well .vpc{padding-left:0;padding-right:0}
.lifeline th,.lifeline td{padding-right:8px}
}
@container (min-width:640px){
.lifeline .totals{grid-template-columns:repeat(4,minmax(0,1fr))}
.lifeline .line.wide{display:grid;grid-auto-flow:column;grid-auto-columns:minmax(0,1fr)}
.lifeline .line.wide li{padding:20px 16px 0 0}
.lifeline .line.wide li::before{left:0;top:0}
.lifeline .line.wide li::after{left:11px;right:0;top:5px;bottom:auto;border-left:0;border-top:1px solid var(--strong)}
}
"""


def style_sheet(*, is_dark: bool) -> str:
    """The `<style>` with the theme's colours."""
    colours = ";".join(f"--{name}:{value}" for name, value in (_DARK if is_dark else _LIGHT).items())
    scheme = "dark" if is_dark else "light"
    return f"<style>.lifeline{{color-scheme:{scheme};{colours}}}{_RULES.replace('\n', '')}</style>"
