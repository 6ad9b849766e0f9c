#include "client/config/kind_keys.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

struct KindKey {
  const char* name;
  std::vector<SourceKind> kinds;  ///< That have it.
};

constexpr SourceKind kSqlite = SourceKind::kSqlite, kCsv = SourceKind::kCsv, kXlsx = SourceKind::kXlsx,
                     kPostgres = SourceKind::kPostgres, kMariadb = SourceKind::kMariadb,
                     kOdbc = SourceKind::kOdbc;

const std::vector<KindKey>& SourceKeys() {
  static const std::vector<SourceKind> kDatabases = {kSqlite, kPostgres, kMariadb, kOdbc},
                                       kServers = {kPostgres, kMariadb, kOdbc};
  static const std::vector<KindKey> kKeys = {{"folder", {kCsv, kXlsx}},
                                             {"settle", {kCsv, kXlsx}},
                                             {"rejects", {kCsv, kXlsx}},
                                             {"path", {kSqlite}},
                                             {"include", kDatabases},
                                             {"skip", kDatabases},
                                             {"blocked", kDatabases},
                                             {"retention", {kSqlite, kPostgres, kMariadb}},
                                             {"max_log", {kSqlite}},
                                             {"copy_at_once", {kSqlite}},
                                             {"accept_tables", {kSqlite, kPostgres, kMariadb}},
                                             {"accept_columns", {kSqlite, kPostgres, kMariadb}},
                                             {"layout", {kSqlite, kPostgres}},
                                             {"capture", {kSqlite, kPostgres}},
                                             {"dsn", kServers},
                                             {"password_file", kServers},
                                             {"schemas", {kPostgres, kOdbc}},
                                             {"slot", {kPostgres}},
                                             {"publication", {kPostgres}},
                                             {"snapshot_wait", {kPostgres}},
                                             {"max_stage", {kPostgres, kMariadb}},
                                             {"max_wal", {kPostgres}},
                                             {"server_id", {kMariadb}},
                                             {"dialect", {kOdbc}}};
  return kKeys;
}

const std::vector<KindKey>& TableKeys() {
  static const std::vector<KindKey> kKeys = {
      {"file", {kCsv, kXlsx}}, {"files", {kCsv, kXlsx}}, {"types", {kCsv, kXlsx}}, {"separator", {kCsv}},
      {"decimal", {kCsv}},     {"quote", {kCsv}},        {"encoding", {kCsv}},     {"sheet", {kXlsx}}};
  return kKeys;
}

bool Has(const KindKey& key, SourceKind kind) {
  return std::find(key.kinds.begin(), key.kinds.end(), kind) != key.kinds.end();
}

/// "csv", "odbc" or "xlsx", with their quotes.
std::string Names(const std::vector<SourceKind>& kinds) {
  std::string names;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const char* const before = i == 0 ? "" : i + 1 == kinds.size() ? " or " : ", ";
    absl::StrAppend(&names, before, "\"", ToString(kinds[i]), "\"");
  }
  return names;
}

absl::Status CheckKeys(const ConfigTable& block, SourceKind kind, const std::vector<KindKey>& keys) {
  for (const KindKey& key : keys) {
    if (Has(key, kind) || !block.Has(key.name)) continue;
    // A key of the kind that need not be named is one of most kinds.
    if (Has(key, kSqlite)) {
      return block.Wrong(key.name, absl::StrCat("is not for kind = \"", ToString(kind), "\""));
    }
    return block.Wrong(key.name, absl::StrCat("is for kind = ", Names(key.kinds), " only"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSourceKeys(const ConfigTable& block, SourceKind kind) {
  return CheckKeys(block, kind, SourceKeys());
}

absl::Status CheckTableKeys(const ConfigTable& block, SourceKind kind) {
  return CheckKeys(block, kind, TableKeys());
}

}  // namespace mirror
