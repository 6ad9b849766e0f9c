# shellcheck shell=bash
# What tools/demo shows of a source that is a database server, between the packages and the end. tools/demo sources it,
# with its functions. What is otherwise with each of these servers stands in demo_postgres.sh and demo_mariadb.sh.

# How the agent finds what changed; empty: as 'mirrorctl init' writes it for this version, by the log where it can.
source_strategy=${DEMO_STRATEGY-}
of_source=$root/tests/support/${source}_source.py
# shellcheck source=tools/lib/demo_postgres.sh
. "tools/lib/demo_$source.sh"

stop_source() {
  local name
  for name in source standby; do "$of_source" stop "$work/$name" || true; done
}

# source_sql STATEMENTS: as the application.
source_sql() {
  printf "\$ %s '%s'\n" "$source_client" "$1"
  "$of_source" sql "$work/$source_now" <<< "$1" || fail "the application's changes"
}

# expect_changed TABLE...: these did something in the cycle of `cycle.json`, and without a log no others: where a log
# cannot be believed, whole tables are sent or compared.
expect_changed() {
  /usr/bin/python3 - "$source_strategy" "$@" << 'PYTHON' || fail "what the cycle sent"
import json, sys
tables = json.load(open("cycle.json"))["sources"][0]["tables"]
done = {t["table"] for t in tables if t["action"] != "none" and t["inserts"] + t["updates"] + t["deletes"] > 0}
print("Sent:", ", ".join(
    f"{t['table']} {t['action']} +{t['inserts']} ~{t['updates']} -{t['deletes']}" for t in tables if t["table"] in done
) or "nothing")
wanted = set(sys.argv[2:])
good = done >= wanted if sys.argv[1] == "cdc" else done == wanted
sys.exit(not good and f"expected {sorted(wanted)}, saw {sorted(done)}")
PYTHON
}

# expect_compared: the log of the cycle of `cycle.json` went on elsewhere; rows were compared, and no table was sent whole.
expect_compared() {
  if [ "$source_strategy" != cdc ]; then return 0; fi
  if grep -q '"populate"' cycle.json; then cat cycle.json; fail "a cycle that compares, and populates nothing"; fi
}

# equal: every row, by the server's own client and SQLite without any of our code.
equal() {
  local mirror=dev/data/Mirror_$context.db
  if [ "$store" = postgres ]; then
    rm -f read.db
    "$root/tests/support/postgres_mirror.py" "$url" "$context" read.db || fail "reading the mirror with psql"
    mirror=read.db
  fi
  "$of_source" compare "$work/$source_now" "$mirror" || fail "the mirror does not equal the source"
}

demo_server() {
  begin_step "a $source_name of an application's own, with a standby and the role that an agent needs"
  # Its account passes through.
  chmod 711 "$work"
  source_now=source
  source_url=$("$of_source" make "$work/source") || fail "$source_name"
  "$of_source" standby "$work/source" "$work/standby" || fail "the standby"
  source_url=$(url_of_both "$source_url")
  echo "$source_url"

  begin_step "keys, certificates, configurations"
  show mirrorctl init --dir dev --context-id "$context" --source "$source_url" --port "$port" --admin-port "$admin_port" \
    --metrics-port 0 "${store_words[@]}" || fail "mirrorctl init"
  if [ -n "$source_strategy" ]; then
    sed -i "s/^strategy = \"[a-z]*\"/strategy = \"$source_strategy\"/" dev/mirror-agent.toml
  fi
  source_strategy=$(sed -n 's/^strategy = "\([a-z]*\)".*/\1/p' dev/mirror-agent.toml)

  begin_step "the endpoint"
  echo "\$ mirror-server --config dev/mirror-server.toml &"
  start_server
  echo "Ready on 127.0.0.1:$port, administration on 127.0.0.1:$admin_port."

  begin_step "a population: every row of every table"
  if [ "$source_strategy" = cdc ]; then install_in_source; fi
  show mirror-agent once --config dev/mirror-agent.toml || fail "population"

  begin_step "the doctor: each right of the role, and the settings of the source's server"
  echo "\$ mirrorctl --config dev/mirrorctl.toml doctor --source dev/mirror-agent.toml"
  # What only needs somebody's look is no failure.
  mirrorctl --config dev/mirrorctl.toml doctor --source dev/mirror-agent.toml > doctor.txt || true
  sed -n "/^[A-Z]* *$context /,\$p" doctor.txt
  if grep -q '^FAIL' doctor.txt; then cat doctor.txt; fail "mirrorctl doctor"; fi

  begin_step "the application makes changes, and the next cycle sends only these"
  source_sql "INSERT INTO artist VALUES (9001, 'A new artist'), (9002, 'And another');"
  source_sql "UPDATE track SET unit_price = 1.29 WHERE track_id <= 10;"
  source_sql "DELETE FROM playlist_track WHERE playlist_id = 18;"
  cycle || fail "the cycle with changes"
  expect "the counts of the changes" artist changes 2 0 0 track changes 0 10 0 playlist_track changes 0 0 1
  cycle || fail "the quiet cycle"
  expect "a cycle without changes"

  begin_step "kill -9 of the agent while it sends"
  source_sql "UPDATE invoice SET total = total + 1; UPDATE customer SET company = 'Acme' WHERE company IS NULL;"
  echo "\$ MIRROR_CRASH_AT=agent.request mirror-agent once --config dev/mirror-agent.toml    # kills itself there"
  code=0
  MIRROR_CRASH_AT=agent.request mirror-agent once --config dev/mirror-agent.toml > killed 2>&1 || code=$?
  [ "$code" -eq 137 ] || fail "an agent that was killed: expected exit code 137, got $code"
  cycle || fail "the cycle after kill -9"
  equal

  begin_step "a restore that hides: a cold copy is put back, and more is written than was lost"
  echo "\$ cp -a DATA COPY    # of a server that is stopped"
  "$of_source" save "$work/source" "$work/copy" || fail "the copy"
  source_sql "UPDATE artist SET name = upper(name) WHERE artist_id <= 20;"
  cycle || fail "the cycle before the restore"
  expect_changed artist
  echo "\$ cp -a COPY DATA"
  "$of_source" restore "$work/source" "$work/copy" || fail "the restore"
  source_sql "UPDATE artist SET name = lower(name) WHERE artist_id > 100 AND artist_id <= 200;"
  cycle || fail "the cycle after the restore"
  expect_changed artist
  equal

  begin_step "a failover: the standby is promoted"
  # The restore has left its standby behind.
  "$of_source" stop "$work/standby"
  rm -rf "$work/standby"
  forget_standby
  "$of_source" standby "$work/source" "$work/standby" || fail "the standby"
  source_sql "UPDATE genre SET name = 'Rock and more' WHERE genre_id = 1;"
  "$of_source" promote "$work/source" "$work/standby" || fail "the failover"
  source_now=standby
  source_sql "INSERT INTO genre VALUES (26, 'After the failover');"
  cycle || fail "the cycle after the failover"
  expect_changed genre
  expect_compared
  mirrorctl --config dev/mirrorctl.toml events "$context" --limit 5 || fail "mirrorctl events"

  begin_step "every row, source against mirror"
  equal
  show mirror-agent verify --config dev/mirror-agent.toml || fail "mirror-agent verify"
}
