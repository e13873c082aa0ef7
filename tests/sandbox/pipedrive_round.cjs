// One round with the vendor's own client: node pipedrive_round.cjs BASE_URL TOKEN, answers as one JSON line.
const { v1, v2 } = require('pipedrive');

async function main([base, token]) {
  const modern = new v2.Configuration({ apiKey: token, basePath: `${base}/api/v2` });
  const old = new v1.Configuration({ apiKey: token, basePath: `${base}/api/v1` });
  const persons = new v2.PersonsApi(modern);
  const emails = [{ value: 'ada@x.example', primary: true, label: 'work' }];
  const created = (await persons.addPerson({ AddPersonRequest: { name: 'Ada Byron', emails } })).data;
  const id = created.id;
  const updated = (await persons.updatePerson({ id, UpdatePersonRequest: { name: 'Ada King' } })).data;
  const read = (await persons.getPerson({ id, include_fields: 'marketing_status' })).data;
  const listed = (await persons.getPersons({ limit: 2, sort_by: 'update_time', updated_since: '2020-01-01T00:00:00Z' })).data;
  const found = (await persons.searchPersons({ term: 'ada@x.example', fields: 'email', exact_match: true })).data.items;
  const twin = (await persons.addPerson({ AddPersonRequest: { name: 'Ada Twin' } })).data.id;
  const merged = (await new v1.PersonsApi(old).mergePersons({ id: twin, MergePersonsRequest: { merge_with_id: id } })).data;
  const user = (await new v1.UsersApi(old).getCurrentUser()).data;
  const lead = (await new v1.LeadsApi(old).addLead({ AddLeadRequest: { title: 'L', person_id: id } })).data;
  const deleted = (await persons.deletePerson({ id })).data;
  return {
    id,
    last_name: updated.last_name,
    marketing_status: read.marketing_status,
    listed: listed.length,
    found: found.map((hit) => hit.item.emails[0]),
    merged: merged.merge_what_id === twin,
    user: user.email,
    origin: lead.origin,
    deleted: deleted.id,
  };
}

main(process.argv.slice(2)).then((answer) => console.log(JSON.stringify(answer)));
