#include "server/hub/hub_file.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/hub/hub_json.h"

namespace mirror {
namespace {

using FieldAt = absl::FunctionRef<Field(int column, ColumnKind kind)>;

std::string TextAt(FieldAt at, int column) { return std::string(at(column, ColumnKind::kText).text()); }

std::uint64_t CountAt(FieldAt at, int column) {
  return static_cast<std::uint64_t>(at(column, ColumnKind::kNumber).number());
}

}  // namespace

absl::StatusOr<std::uint64_t> HubFile::Count(const std::string& sql) {
  std::uint64_t count = 0;
  RETURN_IF_ERROR(Ask(sql, std::nullopt, [&](FieldAt at) {
    count = CountAt(at, 0);
    return absl::OkStatus();
  }));
  return count;
}

absl::StatusOr<bool> HubFile::IsNew() {
  ASSIGN_OR_RETURN(const std::uint64_t states, Count("SELECT count(*) FROM @_hub_state"));
  return states == 0;
}

absl::StatusOr<std::map<std::string, HubFile::Figures>> HubFile::CountAll() {
  std::map<std::string, Figures> all;
  RETURN_IF_ERROR(Ask("SELECT data_source, rows FROM @_hub_counts", std::nullopt, [&](FieldAt at) {
    all[TextAt(at, 0)].rows = CountAt(at, 1);
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(
      Ask("SELECT data_source, state, count(*), count(refused_until) FROM @_hub_deliveries GROUP BY "
          "data_source, state",
          std::nullopt, [&](FieldAt at) {
            Figures& figures = all[TextAt(at, 0)];
            const auto state = static_cast<DeliveryState>(CountAt(at, 1));
            (state == DeliveryState::kOpen   ? figures.open
             : state == DeliveryState::kHeld ? figures.held
                                             : figures.dropped) = CountAt(at, 2);
            if (state == DeliveryState::kOpen) figures.refused = CountAt(at, 3);
            return absl::OkStatus();
          }));
  return all;
}

absl::StatusOr<std::map<DeliveryPlace, std::uint64_t>> HubFile::CountPlaces(DeliveryState state) {
  std::map<DeliveryPlace, std::uint64_t> counts;
  RETURN_IF_ERROR(
      Ask("SELECT data_source, table_name, operation, count(*) FROM @_hub_deliveries WHERE state = $1 GROUP "
          "BY data_source, table_name, operation",
          static_cast<std::int64_t>(state), [&](FieldAt at) {
            const auto operation = static_cast<HubOperation>(CountAt(at, 2));
            counts[DeliveryPlace{TextAt(at, 0), TextAt(at, 1), operation}] = CountAt(at, 3);
            return absl::OkStatus();
          }));
  return counts;
}

absl::StatusOr<std::uint64_t> HubFile::CountRecords() { return Count("SELECT count(*) FROM @_hub_records"); }

absl::StatusOr<HubFile::Frozen> HubFile::FindFrozen(std::size_t limit) {
  Frozen frozen;
  ASSIGN_OR_RETURN(frozen.records, Count("SELECT count(*) FROM @_hub_records WHERE frozen <> '[]'"));
  if (frozen.records == 0) return frozen;
  RETURN_IF_ERROR(
      Ask(absl::StrCat("SELECT m.data_source, count(DISTINCT m.golden_id) FROM @_hub_records AS r ",
                       words_.frozen_join,
                       " @_hub_rows AS m ON m.golden_id = r.golden_id WHERE r.frozen <> '[]' GROUP BY "
                       "m.data_source"),
          std::nullopt, [&](FieldAt at) {
            frozen.of_data_source[TextAt(at, 0)] = CountAt(at, 1);
            return absl::OkStatus();
          }));
  RETURN_IF_ERROR(
      Ask("SELECT entity, golden_id, frozen FROM @_hub_records WHERE frozen <> '[]' ORDER BY number LIMIT $1",
          static_cast<std::int64_t>(limit), [&](FieldAt at) {
            FrozenRecord& one = frozen.first.emplace_back(FrozenRecord{TextAt(at, 0), TextAt(at, 1)});
            return TakeNames(TextAt(at, 2), &one.attributes);
          }));
  return frozen;
}

absl::StatusOr<HubFile::ByHand> HubFile::CountByHand() {
  ASSIGN_OR_RETURN(const std::uint64_t rows,
                   Count("SELECT count(*) FROM @_hub_rows WHERE joined_by = 'hand'"));
  ASSIGN_OR_RETURN(const std::uint64_t parted, Count("SELECT count(*) FROM @_hub_apart"));
  return ByHand{rows, parted};
}

absl::StatusOr<std::vector<HubFile::Duplicate>> HubFile::FindDuplicates(std::size_t limit) {
  std::vector<Duplicate> found;
  RETURN_IF_ERROR(Ask(words_.duplicates, static_cast<std::int64_t>(limit), [&](FieldAt at) {
    found.push_back({TextAt(at, 0), TextAt(at, 1), TextAt(at, 2), TextAt(at, 3), CountAt(at, 4)});
    return absl::OkStatus();
  }));
  return found;
}

}  // namespace mirror
