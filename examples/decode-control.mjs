// Decodes one record of the control topic, given as bytes on stdin. Knows schemas/control.avsc and nothing else of Flyball.
import { readFileSync } from 'node:fs'
import avro from 'avsc'

const schema = JSON.parse(readFileSync(new URL('../schemas/control.avsc', import.meta.url), 'utf8'))
const command = avro.Type.forSchema(schema).fromBuffer(readFileSync(0))
console.log(JSON.stringify(command, null, 2))
