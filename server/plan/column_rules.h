#ifndef MIRROR_SERVER_PLAN_COLUMN_RULES_H_
#define MIRROR_SERVER_PLAN_COLUMN_RULES_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "certs/keyed_hash.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "proto/wire/turned_value.h"

// Leaves out, hashes or masks columns before any of their values is stored. ColumnRule in table.proto
// describes each rule.

namespace mirror {

/// Maximum bytes of all hashes of one batch.
inline constexpr std::uint64_t kHashedBytesMax = 64 << 20;

/// A [[tenant.table]] with rules on columns. Patterns; '*' stands for any characters.
struct ColumnRuleBlock {
  std::string context = "*", table = "*";
  std::vector<std::string> plain, leave_out, hash, mask;
  std::uint32_t mask_keep = 0;  ///< Number of last characters that stay readable; 0 to kMaskKeepMax.
  friend bool operator==(const ColumnRuleBlock&, const ColumnRuleBlock&) = default;
};

/// All blocks, in the order of the file. If several blocks name a column, the last one applies.
struct ColumnRulesConfig {
  std::vector<ColumnRuleBlock> blocks;
  std::string hash_key;  ///< File of the key; empty: nothing is hashed.
  friend bool operator==(const ColumnRulesConfig&, const ColumnRulesConfig&) = default;
};

/// The rules of one tenant. Threads: any.
class ColumnRules {
 public:
  /// `secret`: see TenantHashKey. Absent: no rule hashes.
  ColumnRules(const ColumnRulesConfig& config, const std::optional<std::string>& secret,
              const std::string& context_id);

  /// Sets the rule of each column in `table`. Errors: kInvalidArgument: a column cannot have its rule.
  absl::Status Set(TableSchema* table) const;
  /// Returns texts for people about rules that match nothing in `tables`: neither a table, nor a column of a
  /// matching table. Each text says where the rule is in the configuration.
  std::vector<std::string> Idle(const std::vector<const TableSchema*>& tables) const;
  /// Whether a block of the configuration applies to this tenant.
  bool any() const { return !blocks_.empty(); }
  const TenantHashKey* hash_key() const { return key_ ? &*key_ : nullptr; }

 private:
  std::vector<ColumnRuleBlock> blocks_;  ///< The blocks for this tenant.
  std::optional<TenantHashKey> key_;
};

/// Memory for the converted columns of a batch; the batch has views into it.
struct RuledValues {
  struct Column {
    std::string data;
    std::string nulls;
  };
  std::deque<Column> columns;
};

/// Converts `batch`, decoded for `agreed`, to the form `kept`, which is KeptForm(agreed). `key` may be null
/// if no column is hashed. `values` must outlive `batch`.
/// Errors: kInvalidArgument: a value sent in parts belongs to a column with a rule, or keys have equal
/// hashes; kResourceExhausted: the hashes exceed kHashedBytesMax; kUnavailable: hashing failed.
absl::Status ApplyRules(const TableSchema& agreed, const TableSchema& kept, const TenantHashKey* key,
                        ChangeBatch* batch, RuledValues* values);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_COLUMN_RULES_H_
