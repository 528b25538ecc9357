// Puts reads on top of the table of /live as they come in. Without it the page shows the newest once.
const table = document.getElementById('live')
const state = document.getElementById('live-state')
const body = table.tBodies[0]
const shown = Number(table.dataset.shown)
const time = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit',
  timeZone: table.dataset.zone,
})
const seen = new Set()

function cell(row, label, content, numeric) {
  const made = row.insertCell()
  made.dataset.label = label
  if (numeric) made.className = 'num'
  made.append(content)
  return made
}

function link(code) {
  if (!code) return 'none'
  const made = document.createElement('a')
  made.href = '/points/' + encodeURIComponent(code)
  made.textContent = code
  return made
}

function add(read) {
  if (seen.has(read.id)) return
  seen.add(read.id)
  if (seen.size > 10 * shown) seen.delete(seen.values().next().value)
  const row = body.insertRow(0)
  cell(row, 'Heard', time.format(new Date(read.at)))
  cell(row, 'Point', link(read.point_code))
  cell(row, 'Meter', read.manufacturer + ' ' + read.serial)
  cell(row, 'Register', Number(read.volume_m3).toFixed(3) + '\u00a0m³', true)
  cell(row, 'Alarms', read.alarms.join(', ') || 'none')
  const signal = read.rssi_dbm === null ? '' : ' ' + read.rssi_dbm + '\u00a0dBm'
  cell(row, 'Gateway', (read.gateway || 'by hand') + signal)
  while (body.rows.length > shown) body.deleteRow(-1)
}

const source = new EventSource(table.dataset.from)
source.addEventListener('open', () => { state.textContent = 'Live: new reads appear by themselves.' })
source.addEventListener('error', () => { state.textContent = 'Not connected; trying again.' })
source.addEventListener('read', (event) => add(JSON.parse(event.data)))
source.addEventListener('gap', () => { state.textContent = 'Live; some reads in between are not shown.' })
