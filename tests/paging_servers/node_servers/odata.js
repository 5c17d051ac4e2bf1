// SAP's CAP, which serves OData 4 in pages of its own choice: `node odata.js`. The first line printed is the origin; it ends with its input.
const cds = require('@sap/cds')
const express = require('express')

const SIZES = [0, 1, 10, 20, 25]

async function main() {
  cds.root = __dirname
  cds.env.log.levels = {}
  cds.env.query.limit = { default: 10, max: 10 }
  cds.env.requires.db = { kind: 'sqlite', impl: '@cap-js/sqlite', driver: 'sql.js', credentials: { url: ':memory:' } }
  cds.env.requires.auth = { kind: 'dummy', impl: '@sap/cds/lib/srv/middlewares/auth/dummy-auth' }
  const model = await cds.load([`${__dirname}/rows.cds`])
  cds.model = cds.compile.for.nodejs(model)
  const app = (cds.app = express())
  cds.db = await cds.connect.to('db')
  await cds.deploy(model).to(cds.db)
  await cds.serve('all').from(cds.model).in(app)
  for (const size of SIZES) {
    const rows = Array.from({ length: size }, (_, id) => ({ id, name: `row ${id}`, amount: id % 4 ? id / 4 : null }))
    if (size) await cds.db.run(cds.ql.INSERT.into(`Data.rows${size}`).entries(rows))
  }
  const server = app.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
  process.stdin.on('end', () => process.exit(0)).resume()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
