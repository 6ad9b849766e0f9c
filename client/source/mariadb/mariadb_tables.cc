#include "client/source/mariadb/mariadb_tables.h"

#include "absl/strings/str_cat.h"

namespace mirror {

MarkedColumn<std::string, std::string> MariadbTableKind::Mark(const MariadbColumn& column) {
  return {column.name, MariadbTypeMark(column), column.type};
}

Column MariadbTableKind::WireOf(const MariadbColumn& column, const Place& /*place*/, bool wide) {
  Column wire = WireColumn(column);
  if (wide) WidenMariadbColumn(&wire);
  return wire;
}

std::vector<std::uint32_t> MariadbTableKind::KeyOf(const MariadbTable& table) {
  std::vector<std::uint32_t> key;
  for (const std::string& column : table.key)
    key.push_back(static_cast<std::uint32_t>(*table.PlaceOf(column)));
  return key;
}

std::string MariadbTableKind::ProblemOf(const MariadbTable& table, const Place& place,
                                        const std::string& problem) {
  const std::string unreadable = WhyUnreadable(table, place);
  return unreadable.empty() ? problem : unreadable;
}

std::vector<std::string> MariadbTableKind::NotesOf(const MariadbTable& table) {
  std::vector<std::string> notes;
  if (table.versioned) notes.emplace_back("it is system-versioned; its present rows are mirrored");
  if (!table.engine.empty() && !table.HasSnapshots()) {
    notes.push_back(absl::StrCat(
        "its engine ", table.engine,
        " has no snapshots: writers wait while the table is read, and if that takes long, the table is left "
        "for the next run. ALTER TABLE … ENGINE = InnoDB avoids both"));
  }
  return notes;
}

}  // namespace mirror
