#include "server/store/postgres/tables/kept_kinds.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/folded_name.h"
#include "server/store/postgres/rows/state_payload.h"

namespace mirror {
namespace {

/// Columns that have a byte, by the index of the byte. The name is empty if the column was dropped.
struct Places {
  std::string of_old_rows;
  std::vector<std::string> names;
};

Places ReadPlaces(std::string_view kinds) {
  Places places;
  if (kinds.empty()) return places;
  PayloadReader payload(kinds);
  places.of_old_rows = payload.Text();
  for (std::size_t i = 0; i < places.of_old_rows.size(); ++i) places.names.push_back(payload.Text());
  return places;
}

std::string Pack(const Places& places) {
  const bool none = std::all_of(places.names.begin(), places.names.end(),
                                [](const std::string& name) { return name.empty(); });
  if (none) return "";
  PayloadWriter payload;
  payload.Text(places.of_old_rows);
  for (const std::string& name : places.names) payload.Text(name);
  return payload.Take();
}

void Rename(std::string_view from, const std::string& to, std::string* kinds) {
  Places places = ReadPlaces(*kinds);
  const auto found = std::find(places.names.begin(), places.names.end(), FoldName(from));
  if (found == places.names.end()) return;
  *found = to;
  *kinds = Pack(places);
}

}  // namespace

PostgresKinds KindsOf(const TableSchema& kept, std::string_view kinds) {
  Places places = ReadPlaces(kinds);
  PostgresKinds of;
  for (const Column& column : kept.columns) {
    const auto found = std::find(places.names.begin(), places.names.end(), FoldName(column.name));
    const bool has_place = column.type == Type::kAny && found != places.names.end();
    of.of_column.push_back(has_place ? static_cast<std::size_t>(found - places.names.begin())
                                     : PostgresKinds::kNone);
  }
  of.defaults = std::move(places.of_old_rows);
  return of;
}

void AddKind(const Column& column, Kind of_old_rows, std::string* kinds) {
  Places places = ReadPlaces(*kinds);
  const std::string name = FoldName(column.name);
  const bool is_there = std::find(places.names.begin(), places.names.end(), name) != places.names.end();
  if (column.type != Type::kAny || is_there) return;
  places.names.push_back(name);
  places.of_old_rows += static_cast<char>(of_old_rows);
  *kinds = Pack(places);
}

void AddKinds(const TableSchema& kept, std::string* kinds) {
  for (const Column& column : kept.columns) AddKind(column, Kind::kNull, kinds);
}

void DropKind(std::string_view column, std::string* kinds) { Rename(column, "", kinds); }

void RenameKind(std::string_view from, std::string_view to, std::string* kinds) {
  Rename(from, FoldName(to), kinds);
}

}  // namespace mirror
