#ifndef MIRROR_SERVER_JOURNAL_JOURNAL_RULES_H_
#define MIRROR_SERVER_JOURNAL_JOURNAL_RULES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"

namespace mirror {

/// The journal and history settings of a [[tenant.table]]. Patterns; '*' stands for any characters.
struct JournalRule {
  std::string context = "*", table = "*";
  std::optional<bool> journal = std::nullopt;  ///< "keys": true, "off": false.
  std::optional<bool> history = std::nullopt;
  std::optional<std::int64_t> history_keep_ms = std::nullopt;
  std::optional<std::uint64_t> history_bytes_max = std::nullopt;
  friend bool operator==(const JournalRule&, const JournalRule&) = default;
};

/// [journal], and the rules of tables in the order of the file. For each setting the last matching rule that
/// has it applies.
struct JournalConfig {
  std::int64_t keep_ms = 30LL * 86'400'000;
  std::uint64_t bytes_max = 1ULL << 30;
  std::vector<JournalRule> rules;
  friend bool operator==(const JournalConfig&, const JournalConfig&) = default;
};

/// The data that is kept for a table beside its rows.
struct TableJournal {
  bool journal = false;
  bool history = false;                 ///< Implies `journal`.
  std::int64_t history_keep_ms = 0;     ///< 0: no limit.
  std::uint64_t history_bytes_max = 0;  ///< 0: no limit.
  friend bool operator==(const TableJournal&, const TableJournal&) = default;
};

/// The journal rules of one tenant. Threads: any.
class JournalRules {
 public:
  JournalRules(const JournalConfig& config, const std::string& context_id);

  TableJournal Of(const std::string& table) const;
  std::int64_t keep_ms() const { return keep_ms_; }
  std::uint64_t bytes_max() const { return bytes_max_; }

 private:
  const std::vector<JournalRule> rules_;  ///< The rules for this tenant.
  const std::int64_t keep_ms_;
  const std::uint64_t bytes_max_;
  mutable Mutex mutex_;
  /// Results by the name as the caller spelled it: names come from the mirror's own list.
  mutable std::map<std::string, TableJournal> known_ MIRROR_GUARDED_BY(mutex_);
};

/// Returns null if nothing is kept for any table of this tenant.
std::shared_ptr<const JournalRules> JournalRulesOf(const JournalConfig& config,
                                                   const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_JOURNAL_RULES_H_
