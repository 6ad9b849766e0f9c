#include "server/store/postgres/postgres_upkeep.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/name.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/records/metadata_rows.h"
#include "server/store/postgres/whole_mirror.h"

namespace mirror {
namespace {

constexpr char kQuarantine[] = "mirror quarantined: ";
/// A table is written anew, and says nothing meanwhile.
constexpr std::chrono::hours kRewriteMax{6};

class PostgresUpkeep final : public StoreUpkeep {
 public:
  PostgresUpkeep(PostgresMirror& mirror, std::string quarantined)
      : mirror_(mirror), quarantined_(std::move(quarantined)) {}

  Stale WhyStale() override { return mirror_.stale; }

  /// The database keeps itself whole.
  absl::Status CheckWhole(std::chrono::milliseconds) override { return absl::OkStatus(); }

  absl::Status Scrub() override {
    const auto lease = mirror_.place.Take(PlaceUse::kWrite);
    if (!lease.ok()) return lease.status();
    const auto tables = (*lease)->Query(
        "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' ORDER "
        "BY 1",
        {mirror_.names.schema}, "looking for the mirror's tables");
    if (!tables.ok()) return InStoreWords(tables.status(), Touched::kOwnTable);
    (*lease)->SetAnswerWithin(kRewriteMax);
    for (int row = 0; row < tables->rows(); ++row) {
      const std::string name = Qualified(mirror_.names.schema_name, tables->Text(row, 0));
      absl::Status done = (*lease)->Execute(absl::StrCat("VACUUM (FULL) ", name), "rewriting a table");
      if (!done.ok()) {
        (*lease)->Close();
        return InStoreWords(done, Touched::kMirroredTable);
      }
    }
    // It does not go back to the pool with another patience than the others.
    (*lease)->Close();
    return absl::OkStatus();
  }

  void Rest() override {
    if (!mirror_.work) mirror_.definitions = {};
  }

  absl::Status Quarantine(const std::string& why) override {
    quarantined_ = why;
    return Comment(absl::StrCat(kQuarantine, why));
  }
  std::string Quarantined() override { return quarantined_; }
  absl::Status Release() override {
    if (absl::Status status = Comment(""); !status.ok()) return status;
    quarantined_.clear();
    return absl::OkStatus();
  }

  absl::Status CheckIntegrity() override {
    const auto lease = mirror_.place.Take(PlaceUse::kRead);
    if (!lease.ok()) return lease.status();
    if (absl::Status own = CheckOwnRelations(**lease, mirror_.context_id, mirror_.names); !own.ok())
      return own;
    if (absl::Status row = ReadTenantRow(**lease, mirror_.names).status(); !row.ok()) return row;
    return SelectAgreed(**lease, mirror_.names).status();
  }

  absl::Status CheckOwnTables() override {
    const auto lease = mirror_.place.Take(PlaceUse::kRead);
    if (!lease.ok()) return lease.status();
    return CheckOwnRelations(**lease, mirror_.context_id, mirror_.names);
  }

  std::uint64_t BytesOnDisk() override {
    const auto lease = mirror_.place.Take(PlaceUse::kRead);
    if (!lease.ok()) return 0;
    const auto bytes = (*lease)->Number(
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class WHERE relnamespace = "
        "to_regnamespace($1) AND relkind = 'r'",
        {mirror_.names.schema}, "measuring the mirror");
    return bytes.ok() ? static_cast<std::uint64_t>(*bytes) : 0;
  }

 private:
  /// Empty: none.
  absl::Status Comment(const std::string& text) {
    absl::StatusOr<std::string> quoted = text.empty() ? "NULL" : postgres::QuotedText(text);
    if (!quoted.ok()) quoted = absl::StrCat("'", kQuarantine, "why cannot be written'");
    const auto lease = mirror_.place.Take(PlaceUse::kWrite);
    if (!lease.ok()) return lease.status();
    return InStoreWords(
        (*lease)->Execute(absl::StrCat("COMMENT ON SCHEMA ", mirror_.names.schema, " IS ", *quoted),
                          "noting that the mirror is quarantined"),
        Touched::kOwnTable);
  }

  PostgresMirror& mirror_;
  std::string quarantined_;  ///< Why; empty: it is not.
};

}  // namespace

std::unique_ptr<StoreUpkeep> MakePostgresUpkeep(PostgresMirror& mirror, std::string quarantined) {
  return std::make_unique<PostgresUpkeep>(mirror, std::move(quarantined));
}

absl::StatusOr<std::string> ReadQuarantine(postgres::Connection& connection, const PostgresOwnTables& names) {
  const auto rows = connection.Query("SELECT obj_description(to_regnamespace($1), 'pg_namespace')",
                                     {names.schema}, "looking whether the mirror is quarantined");
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  const std::string said = rows->Text(0, 0);
  return said.starts_with(kQuarantine) ? said.substr(sizeof(kQuarantine) - 1) : std::string();
}

}  // namespace mirror
