// One round with the client of the JavaScript world: node salesforce_round.cjs BASE_URL SESSION, answers as one JSON line.
const jsforce = require('jsforce');

async function main([base, session]) {
  const org = new jsforce.Connection({ instanceUrl: base, accessToken: session, version: '59.0' });
  const created = await org.sobject('Lead').create({ LastName: 'Byron', Company: 'Analytical', Email: 'Ada@x.example' });
  const read = await org.sobject('Lead').retrieve(created.id);
  const updated = await org.sobject('Lead').update({ Id: created.id, LastName: 'King' });
  const upserted = await org.sobject('Lead').upsert([{ Leadloom_Key__c: 'k1', LastName: 'B', Company: 'C' }], 'Leadloom_Key__c');
  const found = await org.query("SELECT LastName, Owner.Email FROM Lead WHERE Email = 'ada@x.example'");
  const described = await org.sobject('Lead').describe();
  const deleted = await org.sobject('Lead').destroy(created.id);
  const left = await org.query('SELECT COUNT() FROM Lead');
  return {
    email: read.Email,
    updated: updated.success,
    created: upserted[0].created,
    found: found.records.map((row) => [row.LastName, row.Owner.Email]),
    key: described.fields.some((field) => field.name === 'Leadloom_Key__c' && field.externalId),
    deleted: deleted.success,
    left: left.totalSize,
  };
}

main(process.argv.slice(2)).then(
  (done) => console.log(JSON.stringify(done)),
  (error) => { console.error(error); process.exit(1); },
);
