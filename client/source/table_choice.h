#ifndef MIRROR_CLIENT_SOURCE_TABLE_CHOICE_H_
#define MIRROR_CLIENT_SOURCE_TABLE_CHOICE_H_

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/source/reader.h"

namespace mirror {

/// Which tables of a database the configuration asks for.
struct TableChoice {
  /// Patterns, see MatchesPattern(). Of names that differ by case alone a pattern means the one that it
  /// spells, where it spells one of them.
  std::vector<std::string> include = {"*"}, skip = {};
  std::map<std::string, std::string> blocked = {};  ///< Patterns of tables that never leave, with the reason.
  std::function<bool(const std::string&)> takes = {};  ///< Which of those there are; empty: all.
  /// The source has an exchange: its ledger is one of them, whatever the patterns say.
  bool exchange = false;
  /// Tables of the last run. Of names that differ by case alone, which are one in a mirror, the one that is
  /// among these stays; otherwise the first one.
  std::set<std::string> announced = {};
  bool keeps_twins = false;  ///< All of them stay, as for a log, which has what 'skip' may choose one day.
};

/// What was chosen.
struct ChosenTables {
  std::vector<std::string> names;
  // See SourceSchema.
  std::vector<RefusedTable> blocked;
  std::vector<RefusedTable> refused;  ///< Their names differ from that of a chosen one by case alone.
  std::vector<std::string> idle_patterns;
};

/// Of all that the source has, in its order. What the exchange keeps there for itself is none of its tables.
ChosenTables ChooseTables(const TableChoice& choice, const std::vector<std::string>& all);

/// Those of `all` that are chosen, by their `name`, in their order.
template <typename Table>
std::vector<Table> TakeChosen(const TableChoice& choice, std::vector<Table> all) {
  std::vector<std::string> names;
  for (const Table& table : all) names.push_back(table.name);
  const std::vector<std::string> chosen = ChooseTables(choice, names).names;
  std::erase_if(all, [&chosen](const Table& table) {
    return std::find(chosen.begin(), chosen.end(), table.name) == chosen.end();
  });
  return all;
}

/// Which of a source's tables have names that a mirror can have, each once. Threads: one.
class AnnouncedNames {
 public:
  /// What is refused is told there.
  explicit AnnouncedNames(SourceSchema* schema) : schema_(schema) {}

  /// False: it is refused. `is_readable`: the source can be asked for a table of that name.
  bool Take(const std::string& name, bool is_readable);

 private:
  SourceSchema* const schema_;
  std::map<std::string, std::string> folded_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_TABLE_CHOICE_H_
