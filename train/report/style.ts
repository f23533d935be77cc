// How a report looks: a light and a dark palette, one column on a phone, nothing fetched. And the script that shows the value
// under the pointer; without it the page says the same.

export const STYLE = `
:root{color-scheme:light dark;--bg:#fcfcfb;--card:#fff;--ink:#191d24;--soft:#5b6472;--line:#e3e5e9;--rule:#eceef1;
--accent:#2f5fb3;--s1:#2f62b5;--s2:#c2571a;--s3:#4b7f52;--s4:#8a4fa3;--good:#2d7d46;--bad:#b3362b;--wait:#8a6a10;--track:#edeff2;--on:#fff}
@media(prefers-color-scheme:dark){:root{--bg:#121418;--card:#191c22;--ink:#e9ebef;--soft:#9aa4b3;--line:#2a2f38;--rule:#252a32;
--accent:#86aef2;--s1:#7ea9f0;--s2:#f19a62;--s3:#86c08e;--s4:#c79ade;--good:#7fca94;--bad:#f0887e;--wait:#dcbc63;--track:#262b33;--on:#0f1115}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:40px 28px 72px}
h1{font-size:2rem;line-height:1.15;letter-spacing:-.02em;margin:0}
h2{font-size:1.25rem;letter-spacing:-.01em;margin:0 0 4px}
p{margin:0;max-width:72ch}
section{margin-top:52px}
.lead{color:var(--soft);margin:0 0 18px}
header .over{display:flex;flex-wrap:wrap;gap:6px 12px;align-items:center;color:var(--soft);font-size:.9rem;margin-bottom:8px}
header p{color:var(--soft);margin-top:8px;font-size:1.05rem}
.badge{display:inline-flex;align-items:center;gap:7px;padding:2px 11px 3px;border:1px solid currentColor;border-radius:99px;font-weight:600;font-size:.82rem}
.badge::before{content:"";width:7px;height:7px;border-radius:50%;background:currentColor}
.badge.finished,.badge.trained{color:var(--good)}.badge.failed{color:var(--bad)}.badge.stopped{color:var(--wait)}.badge.running{color:var(--accent)}
.tiles{display:flex;flex-wrap:wrap;gap:1px;margin:28px 0 0;padding:0;background:var(--line);border:1px solid var(--line);border-radius:14px;overflow:hidden}
.tiles div{flex:1 1 138px;background:var(--card);padding:16px 18px 14px;display:flex;flex-direction:column}
.tiles dt{color:var(--soft);font-size:.84rem;order:2}
.tiles dd{margin:0;font-size:1.4rem;font-weight:640;letter-spacing:-.02em;line-height:1.25;white-space:nowrap}
.tiles small{order:3;color:var(--soft);font-size:.78rem}
.tiles .first dd{color:var(--accent)}
.tiles .first{flex:2 1 240px}.tiles .first dd{font-size:2.5rem;line-height:1.1}
.progress{height:5px;border-radius:9px;background:var(--track);margin-top:22px;overflow:hidden}.progress i{display:block;height:100%;background:var(--accent)}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:20px}
.charts{display:grid;gap:18px;grid-template-columns:repeat(2,minmax(0,1fr))}
.charts .chart:first-child:nth-last-child(odd){grid-column:1/-1}
.chart{margin:0;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:14px 18px 34px}
.chart figcaption{font-weight:600;font-size:.92rem;margin-bottom:14px;display:flex;justify-content:space-between;gap:12px}
.chart output{font-weight:500;color:var(--soft);white-space:nowrap}
.plot{position:relative;height:210px;margin-left:46px;touch-action:pan-y}
.charts .chart:first-child:nth-last-child(odd) .plot{height:280px}
.plot svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.plot .y{position:absolute;right:100%;margin-right:8px;transform:translateY(-50%);font-size:.75rem;color:var(--soft);white-space:nowrap}
.plot .x{position:absolute;top:100%;margin-top:7px;transform:translateX(-50%);font-size:.75rem;color:var(--soft)}
.plot .x.first{transform:none}.plot .x.last{transform:translateX(-100%)}
.series-1{--c:var(--s1)}.series-2{--c:var(--s2)}.series-3{--c:var(--s3)}.series-4{--c:var(--s4)}
.rule{stroke:var(--rule);vector-effect:non-scaling-stroke}
.line,.raw{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.raw{stroke-width:1;opacity:.28}
.dot,.mark,.cursor{position:absolute;border-radius:50%;width:7px;height:7px;margin:-3.5px;background:var(--c)}
.mark{width:13px;height:13px;margin:-6.5px;background:none;border:2px solid var(--c)}
.mark span{position:absolute;bottom:13px;left:50%;transform:translateX(-50%);font-size:.75rem;font-weight:600;white-space:nowrap;color:var(--c)}
.mark.left span{left:auto;right:0;transform:none}
.cursor{pointer-events:none;box-shadow:0 0 0 4px color-mix(in srgb,var(--c) 25%,transparent)}
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{text-align:right;padding:7px 10px;border-top:1px solid var(--rule);white-space:nowrap}
thead th{border:0;color:var(--soft);font-weight:500;font-size:.82rem}
th:first-child,td:first-child{text-align:left;padding-left:2px}
tbody th{font-weight:500}tfoot th,tfoot td{font-weight:650;border-top:1px solid var(--soft)}
.swatch{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:9px;vertical-align:-1px;box-shadow:inset 0 0 0 1px rgb(128 128 128/.35)}
.bar{width:42%;min-width:110px}
.bar i{display:block;height:10px;border-radius:0 5px 5px 0;background:var(--s1);min-width:1px}
.bar span{display:block;background:var(--track);border-radius:0 5px 5px 0}
.matrix{display:grid;grid-template-columns:minmax(0,1fr) minmax(190px,250px);gap:26px;align-items:start}
.confusion{max-width:100%;height:auto;display:block;margin:0 auto;min-width:460px;font-size:12px;fill:var(--ink)}
.confusion .empty{fill:var(--track)}.confusion .full{fill:var(--s1)}.confusion .on{fill:var(--on);font-weight:600}.confusion .off{fill:var(--ink)}
.mistakes{margin:0;padding:0;list-style:none;font-size:.93rem}.mistakes li{padding:7px 0;border-top:1px solid var(--rule)}.mistakes li:first-child{border:0}
.mistakes b{display:block;font-size:1.1rem;letter-spacing:-.01em}.mistakes span{color:var(--soft)}
h3{font-size:.95rem;margin:0 0 6px}
.example{margin:0 0 26px}.example h3{display:flex;gap:10px;align-items:baseline;flex-wrap:wrap}.example h3 span{color:var(--soft);font-weight:400}
.parts{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:8px}
figure.part{margin:0}.part img,.strip img{display:block;width:100%;height:auto;border-radius:8px;background:var(--track)}
.part figcaption,.strip figcaption{font-size:.78rem;color:var(--soft);margin-top:5px}
.legend{display:flex;flex-wrap:wrap;gap:5px 16px;font-size:.86rem;color:var(--soft);margin:0 0 20px;padding:0;list-style:none}
.strip{display:grid;gap:14px}.strip figure{margin:0;display:grid;grid-template-columns:84px minmax(0,1fr);gap:14px;align-items:center}.strip figcaption{order:-1;margin:0;text-align:right}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:8px 22px;margin:0}.facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
pre{margin:0;padding:14px 16px;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow-x:auto;font:.84rem/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
details{margin-top:14px}summary{cursor:pointer;color:var(--accent);font-weight:500}details pre,details .scroll{margin-top:10px}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
footer{margin-top:60px;padding-top:16px;border-top:1px solid var(--line);color:var(--soft);font-size:.85rem}
@media(max-width:820px){.charts,.matrix{grid-template-columns:minmax(0,1fr)}.parts{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media(max-width:560px){main{padding:24px 16px 48px}h1{font-size:1.55rem}section{margin-top:40px}.plot{height:180px;margin-left:42px}.charts .chart:first-child:nth-last-child(odd) .plot{height:200px}
.strip figure{grid-template-columns:1fr;gap:4px}.strip figcaption{text-align:left}.chart{padding:12px 14px 32px}.card{padding:14px}.tiles div{flex:1 1 42%;padding:13px 14px}.tiles .first{flex:1 1 100%}.bar{min-width:70px;width:30%}th,td{padding:7px 6px}
.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:10px}}
.lost{max-width:none;margin:0;padding:9px 16px;background:var(--bad);color:var(--on);text-align:center;position:sticky;top:0;z-index:1}
@media print{body{background:#fff}.chart,.example,tr{break-inside:avoid}}
`

export const SCRIPT = `
addEventListener('pointermove',function(e){
var plot=e.target.closest&&e.target.closest('.plot'),old=document.querySelector('.cursor');
if(old&&(!plot||old.parentNode!==plot)){var f=old.closest('.chart');f.querySelector('output').remove();old.remove();old=null}
if(!plot)return;
var chart=plot.closest('.chart'),d=chart.dataset,points=d.points.split(',').map(function(p){return p.split(' ').map(Number)});
var box=plot.getBoundingClientRect(),step=(e.clientX-box.left)/box.width*d.last,best=points[0];
points.forEach(function(p){if(Math.abs(p[0]-step)<Math.abs(best[0]-step))best=p});
if(!old){old=document.createElement('i');old.className='cursor';plot.append(old);chart.querySelector('figcaption').append(document.createElement('output'))}
old.style.left=best[0]/Math.max(1,d.last)*100+'%';old.style.top=100*(1-Math.min(1,Math.max(0,best[1]/d.top)))+'%';
chart.querySelector('output').textContent='step '+best[0].toLocaleString('en')+': '+('share'in d?(100*best[1]).toFixed(1)+' %':best[1]);
});
`
