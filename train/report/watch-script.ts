// What makes a report's page follow its run: it listens, fetches its main part when something has changed, and says when the
// program that serves it has gone.

export const WATCH_SCRIPT = `
(function(){
var main=document.querySelector('main'),busy=false,again=false,lost=null;
function refresh(){
if(busy){again=true;return}
busy=true;
var begun=performance.now();
fetch('/main').then(function(r){if(!r.ok)throw new Error(r.status);return r.text()}).then(function(html){
var open=Array.prototype.map.call(main.querySelectorAll('details'),function(d){return d.open});
main.innerHTML=html;
Array.prototype.forEach.call(main.querySelectorAll('details'),function(d,i){if(open[i])d.open=true});
if(lost){lost.remove();lost=null}
}).catch(function(){}).then(function(){
// A fast run has something new all the time; looking at it must not take its processor.
setTimeout(function(){busy=false;if(again){again=false;refresh()}},Math.min(10000,Math.max(1000,10*(performance.now()-begun))))});
}
var source=new EventSource('/events');
source.addEventListener('changed',refresh);
source.onopen=refresh;
source.onerror=function(){
if(lost)return;
lost=document.createElement('p');lost.className='lost';lost.setAttribute('role','status');
lost.textContent='The program that shows this run has ended; this is how it was.';
document.body.prepend(lost);
};
})();
`
