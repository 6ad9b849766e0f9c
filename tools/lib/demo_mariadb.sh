# shellcheck shell=bash
# What demo_server.sh, which sources it, shows in another way where the source is a MariaDB.

source_name=MariaDB
source_client="mariadb crm -e"

# url_of_both URL: its socket leads to whichever of source and standby may be written.
url_of_both() { echo "$1"; }

# Nothing is made in the source: it looks whether the binlog can be read.
install_in_source() { show mirror-agent install --config dev/mirror-agent.toml || fail "mirror-agent install"; }

# forget_standby: a primary keeps nothing for its replicas.
forget_standby() { :; }
