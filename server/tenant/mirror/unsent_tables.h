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

/// Tables that the source of a mirror could not send, as the last completed cycle reported them:
/// the document of kind "unsent". The document does not exist while the source sends all tables.
struct UnsentTables {
  /// Sorted by folded name; at most kKept.
  std::vector<UnsentTable> tables = {};
  /// Total number, including those that are not kept.
  std::uint64_t count = 0;
  friend bool operator==(const UnsentTables&, const UnsentTables&) = default;

  static constexpr std::size_t kKept = 1'000;
  /// Null: the source sends the table.
  const UnsentTable* Find(const std::string& table) const;
};

/// A document that was edited by hand counts as missing:
/// the next cycle writes it anew. Errors: as StoreRecords.
absl::StatusOr<UnsentTables> ReadUnsent(StoreRecords& records);
/// Removes the document if there is no unsent table.
DocumentChange Write(const UnsentTables& unsent);

/// Returns what is kept after a cycle that reported `told` at its end. `refused`: folded names
/// of tables that the mirror itself refused in this cycle; these are shown elsewhere. Pure.
UnsentTables AfterCycle(const UnsentTables& before, const std::vector<UnsentTable>& told,
                        const std::set<std::string>& refused, std::int64_t now_ms);

/// Changes from one cycle to the next.
struct UnsentNews {
  std::vector<UnsentTable> unsent = {};      ///< Tables that are newly unsent, or unsent for another reason.
  std::vector<std::string> sent_again = {};  ///< Empty while more than UnsentTables::kKept are unsent.
};
UnsentNews NewsOf(const UnsentTables& before, const UnsentTables& next);

/// Lists the tables by reason, for people, a few for each
/// reason: "Album, Artist (the source cannot read it ...); ...".
std::string InWords(const std::vector<UnsentTable>& tables);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_UNSENT_TABLES_H_
