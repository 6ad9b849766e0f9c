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

/// The tables that the source of a mirror could not send, as the last completed cycle told them: the document
/// of kind "unsent". There is no such document while the source sends all tables.
struct UnsentTables {
  /// By folded name; at most kKept of them.
  std::vector<UnsentTable> tables = {};
  /// Number of all of them.
  std::uint64_t count = 0;
  friend bool operator==(const UnsentTables&, const UnsentTables&) = default;

  static constexpr std::size_t kKept = 1'000;
  /// Null: the source sends it.
  const UnsentTable* Find(const std::string& table) const;
};

/// A document that somebody changed by hand counts as none: the next cycle writes it anew. Errors: as
/// StoreRecords.
absl::StatusOr<UnsentTables> ReadUnsent(StoreRecords& records);
/// Removes the document where there is no such table.
DocumentChange Write(const UnsentTables& unsent);

/// What is kept after a cycle that `told` these tables at its end. `refused`: folded names of tables that the
/// mirror itself refused in this cycle, which it shows by itself. Pure.
UnsentTables AfterCycle(const UnsentTables& before, const std::vector<UnsentTable>& told,
                        const std::set<std::string>& refused, std::int64_t now_ms);

/// What changed from one cycle to the next.
struct UnsentNews {
  std::vector<UnsentTable> unsent = {};      ///< Those that are new, or unsent for another reason.
  std::vector<std::string> sent_again = {};  ///< None while more than UnsentTables::kKept are unsent.
};
UnsentNews NewsOf(const UnsentTables& before, const UnsentTables& next);

/// The tables by reason, for people, of each reason a few: "Album, Artist (the source cannot read it ...);
/// ...".
std::string InWords(const std::vector<UnsentTable>& tables);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_UNSENT_TABLES_H_
