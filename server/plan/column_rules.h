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

// Columns that are left out, hashed or masked before any of their values is stored. The protocol's meaning of
// each is described at ColumnRule in table.proto.

namespace mirror {

/// Maximum bytes of all hashes of one batch.
inline constexpr std::uint64_t kHashedBytesMax = 64 << 20;

/// A [[tenant.table]] with rules on columns. Patterns; '*' stands for any characters.
struct ColumnRuleBlock {
  std::string context = "*", table = "*";
  std::vector<std::string> plain, leave_out, hash, mask;
  std::uint32_t mask_keep = 0;  ///< Characters at the end that stay; 0 to kMaskKeepMax.
  friend bool operator==(const ColumnRuleBlock&, const ColumnRuleBlock&) = default;
};

/// All blocks, in the order of the file; the last one that names a column counts.
struct ColumnRulesConfig {
  std::vector<ColumnRuleBlock> blocks;
  std::string hash_key;  ///< File of the key; empty: nothing is hashed.
  friend bool operator==(const ColumnRulesConfig&, const ColumnRulesConfig&) = default;
};

/// The rules of one tenant. Threads: any.
class ColumnRules {
 public:
  /// `secret`: see TenantHashKey; absent when no rule hashes.
  ColumnRules(const ColumnRulesConfig& config, const std::optional<std::string>& secret,
              const std::string& context_id);

  /// Writes the rules into the columns. Errors: kInvalidArgument when a column cannot have its rule.
  absl::Status Set(TableSchema* table) const;
  /// Returns the rules that match no table, or no column of one, among `tables`: texts for people, each
  /// with its place.
  std::vector<std::string> Idle(const std::vector<const TableSchema*>& tables) const;
  /// Whether a block of the configuration applies to this tenant.
  bool any() const { return !blocks_.empty(); }
  const TenantHashKey* hash_key() const { return key_ ? &*key_ : nullptr; }

 private:
  std::vector<ColumnRuleBlock> blocks_;  ///< The blocks for this tenant.
  std::optional<TenantHashKey> key_;
};

/// Storage for the converted columns of a batch, whose views point into it.
struct RuledValues {
  struct Column {
    std::string data;
    std::string nulls;
  };
  std::deque<Column> columns;
};

/// Converts a decoded batch of the agreed table into one of KeptForm(agreed). `key` may be null if nothing is
/// hashed. Errors: kInvalidArgument for a value in parts that must not be kept unchanged, and for keys with
/// equal hashes; kResourceExhausted over kHashedBytesMax; kUnavailable: hashing failed.
absl::Status ApplyRules(const TableSchema& agreed, const TableSchema& kept, const TenantHashKey* key,
                        ChangeBatch* batch, RuledValues* values);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_COLUMN_RULES_H_
