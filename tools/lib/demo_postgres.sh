# shellcheck shell=bash
# What demo_server.sh, which sources it, shows in another way where the source is a PostgreSQL.

source_name=PostgreSQL
source_client="psql -d crm -c"

# url_of_both URL: whichever of source and standby may be written.
url_of_both() { echo "$1,$work/standby&target_session_attrs=read-write"; }

# As the tables' owner, who makes the publication; the agent's own role need not own them.
install_in_source() {
  sed "s/user=mirror_agent/user=postgres/" dev/mirror-agent.toml > dev/owner.toml
  chmod 600 dev/owner.toml
  show mirror-agent install --config dev/owner.toml || fail "mirror-agent install"
}

# forget_standby: of one that is gone.
forget_standby() {
  "$of_source" sql "$work/source" > /dev/null \
    <<< "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'standby';" ||
    fail "the standby's slot"
}
