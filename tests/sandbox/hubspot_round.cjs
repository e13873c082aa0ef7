// One round with the vendor's own client: node hubspot_round.cjs BASE_URL TOKEN, answers as one JSON line.
const { Client } = require('@hubspot/api-client');

async function main([base, token]) {
  const contacts = new Client({ accessToken: token, basePath: base }).crm.contacts;
  const created = await contacts.basicApi.create({ properties: { email: 'ada@x.example', lastname: 'Byron' } });
  const read = await contacts.basicApi.getById(created.id, ['lastname', 'city']);
  const updated = await contacts.basicApi.update(created.id, { properties: { lastname: 'King' } });
  const filters = [{ propertyName: 'email', operator: 'EQ', value: 'ada@x.example' }];
  const found = await contacts.searchApi.doSearch({ filterGroups: [{ filters }], sorts: [], properties: ['lastname'], limit: 10, after: '0' });
  const listed = await contacts.basicApi.getPage(10);
  await contacts.basicApi.archive(created.id);
  const left = await contacts.basicApi.getPage(10);
  return {
    city: read.properties.city,
    lastname: updated.properties.lastname,
    found: found.results.map((row) => row.properties.lastname),
    listed: listed.results.length,
    left: left.results.length,
  };
}

main(process.argv.slice(2)).then(
  (done) => console.log(JSON.stringify(done)),
  (error) => { console.error(error); process.exit(1); },
);
