#ifndef MIRROR_CLIENT_SOURCE_TABLE_CHOICE_H_
#define MIRROR_CLIENT_SOURCE_TABLE_CHOICE_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/source/reader.h"

namespace mirror {

/// Which tables of a database the configuration asks for.
struct TableChoice {
  std::vector<std::string> include = {"*"}, skip = {};  ///< Patterns, see MatchesPattern().
  std::map<std::string, std::string> blocked = {};  ///< Patterns of tables that never leave, with the reason.
  std::function<bool(const std::string&)> takes = {};  ///< Which of those there are; empty: all.
  /// The source has an exchange: its ledger is one of them, whatever the patterns say.
  bool exchange = false;
};

/// What was chosen.
struct ChosenTables {
  std::vector<std::string> names;
  // See SourceSchema.
  std::vector<RefusedTable> blocked;
  std::vector<std::string> idle_patterns;
};

/// Of all that the source has. What the exchange keeps there for itself is none of its tables.
ChosenTables ChooseTables(const TableChoice& choice, const std::vector<std::string>& all);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_TABLE_CHOICE_H_
