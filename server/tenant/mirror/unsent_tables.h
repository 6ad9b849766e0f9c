#ifndef MIRROR_SERVER_TENANT_MIRROR_UNSENT_TABLES_H_
#define MIRROR_SERVER_TENANT_MIRROR_UNSENT_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/plan/comparison.h"
#include "server/plan/plan.h"
#include "server/store/store_records.h"

namespace mirror {

/// Tables that the source could not send, as it reported in the last completed cycle: the document of kind
/// "unsent". There is no document while the source sends all tables.
struct UnsentTables {
  /// Sorted by folded name; at most kKept.
  std::vector<UnsentTable> tables = {};
  /// Total number of unsent tables; `tables` may have fewer.
  std::uint64_t count = 0;
  friend bool operator==(const UnsentTables&, const UnsentTables&) = default;

  static constexpr std::size_t kKept = 1'000;
  /// Returns the entry of a table; null: the source sends it.
  const UnsentTable* Find(const std::string& table) const;
};

/// Reads the document. One that somebody edited by hand counts as missing; the next cycle writes a new one.
/// Errors: as StoreRecords.
absl::StatusOr<UnsentTables> ReadUnsent(StoreRecords& records);
/// Returns the change that writes the document, or removes it if no table is unsent.
DocumentChange Write(const UnsentTables& unsent);

/// Returns the list after a cycle that reported `told` at its end. `refused`: folded names of tables that the
/// mirror itself refused in this cycle; they are reported elsewhere. Pure.
UnsentTables AfterCycle(const UnsentTables& before, const std::vector<UnsentTable>& told,
                        const std::set<std::string>& refused, std::int64_t now_ms);

/// Changes from one cycle to the next.
struct UnsentNews {
  std::vector<UnsentTable> unsent = {};      ///< Tables that are newly unsent, or unsent for another reason.
  std::vector<std::string> sent_again = {};  ///< Stays empty while more than UnsentTables::kKept tables are
                                             ///< unsent.
};
UnsentNews NewsOf(const UnsentTables& before, const UnsentTables& next);

/// Lists the tables by reason, as text for people, with a few tables for each reason: "Album, Artist (the
/// source cannot read it ...); ...".
std::string InWords(const std::vector<UnsentTable>& tables);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_UNSENT_TABLES_H_
