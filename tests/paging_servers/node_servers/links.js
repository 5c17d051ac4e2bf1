// json-server, which pages by RFC 8288 links: `node links.js`. The first line printed is the origin; it ends with its input.
const jsonServer = require('json-server')

const rows = (size) => Array.from({ length: size }, (_, id) => ({ id, name: `row ${id}`, amount: id % 4 ? id / 4 : null }))
const server = jsonServer.create()
server.use(jsonServer.router(Object.fromEntries([0, 1, 10, 20, 25].map((size) => [`rows${size}`, rows(size)]))))
const listening = server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${listening.address().port}`))
process.stdin.on('end', () => process.exit(0)).resume()
