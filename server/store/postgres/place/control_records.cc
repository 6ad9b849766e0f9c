#include "server/store/postgres/place/control_records.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace mirror {
namespace {

constexpr ColumnOptions kTextKey = {.key = true, .kind = ColumnKind::kKeyText};
constexpr ColumnOptions kKeyText = {.kind = ColumnKind::kKeyText};
/// Leaves room on each page for rows that are updated often.
constexpr TableOptions kLoose = {.postgres_behind = "WITH (fillfactor = 50)"};

constexpr std::array<std::string_view, 9> kStates = {
    "making", "serving", "deleting", "deleted", "gone", "importing", "restoring", "dropping", "forgetting"};

Field StateOf(const Placement& placement) {
  return placement.state == PlacementState::kUnknown ? Field(placement.word) : Field(WordOf(placement.state));
}

absl::Status TakeState(const Field& field, Placement& placement) {
  const auto* const found = std::find(kStates.begin(), kStates.end(), field.text());
  const bool is_known = found != kStates.end();
  placement.state =
      is_known ? static_cast<PlacementState>(found - kStates.begin()) : PlacementState::kUnknown;
  if (!is_known) placement.word = field.text();
  return absl::OkStatus();
}

using OfPlacement = ColumnsOf<Placement>;
constexpr std::array kPlacementColumns = {
    OfPlacement::Member<&Placement::context_id>("context_id", kKeyText),
    OfPlacement::Beside("folded", ColumnKind::kKeyText, {.key = true}),
    OfPlacement::Member<&Placement::place>("place"),
    OfPlacement::Member<&Placement::schema>("schema_name"),
    OfPlacement::Member<&Placement::epoch>("epoch"),
    RecordColumn<Placement>{{.name = "state"}, StateOf, TakeState},
    OfPlacement::Member<&Placement::age_ms>("state_ms"),
    OfPlacement::Member<&Placement::mark>("mark"),
};

std::string JoinPlaces(const std::vector<std::string>& places) { return absl::StrJoin(places, " "); }
absl::Status SplitPlaces(std::string_view text, std::vector<std::string>* places) {
  *places = absl::StrSplit(std::string(text), ' ', absl::SkipEmpty());
  return absl::OkStatus();
}

using OfServer = ColumnsOf<ServerRow>;
constexpr std::array kServerColumns = {
    OfServer::Member<&ServerRow::server_id>("server_id", kTextKey),
    OfServer::Member<&ServerRow::host>("host"),
    OfServer::Member<&ServerRow::address>("address"),
    OfServer::Member<&ServerRow::admin_address>("admin_address"),
    OfServer::Member<&ServerRow::version>("version"),
    OfServer::Member<&ServerRow::rules>("rules"),
    OfServer::Member<&ServerRow::hash_key>("hash_key"),
    OfServer::AsText<&ServerRow::places, JoinPlaces, SplitPlaces>("places"),
    OfServer::Member<&ServerRow::clock_ahead_ms>("clock_ahead_ms"),
    OfServer::Member<&ServerRow::started_ms>("started_ms"),
    OfServer::Member<&ServerRow::silent_ms>("seen_ms"),
};

using OfUpload = ColumnsOf<UploadServer>;
constexpr std::array kUploadColumns = {
    OfUpload::Member<&UploadServer::name>("server", kTextKey),
    OfUpload::Member<&UploadServer::url>("url"),
    OfUpload::Member<&UploadServer::silent_ms>("seen_ms"),
};

using OfJob = ColumnsOf<ImportJobRow>;
constexpr std::array kJobColumns = {OfJob::Member<&ImportJobRow::job>("job", kTextKey),
                                    OfJob::Member<&ImportJobRow::server>("server", kKeyText)};

using OfListed = ColumnsOf<ListedRowOf>;
constexpr std::array kListedColumns = {
    OfListed::Member<&ListedRowOf::context_id>("context_id", kTextKey),
    OfListed::Member<&ListedRowOf::row, &ListedRow::storage>("storage"),
    OfListed::Member<&ListedRowOf::row, &ListedRow::member>("member"),
    OfListed::Member<&ListedRowOf::row, &ListedRow::jobs>("jobs"),
};

}  // namespace

std::string_view WordOf(PlacementState state) { return kStates[static_cast<std::size_t>(state)]; }

const Record<Placement>& PlacementTable() {
  static const Record<Placement> record("tenant", kPlacementColumns);
  return record;
}

const Record<ServerRow>& ServerTable() {
  static const Record<ServerRow> record("server", kServerColumns, kLoose);
  return record;
}

const Record<UploadServer>& UploadServerTable() {
  static const Record<UploadServer> record("upload_server", kUploadColumns, kLoose);
  return record;
}

const Record<ImportJobRow>& ImportJobTable() {
  static const Record<ImportJobRow> record("import_job", kJobColumns);
  return record;
}

const Record<ListedRowOf>& ListedTable() {
  static const Record<ListedRowOf> record("listed", kListedColumns);
  return record;
}

}  // namespace mirror
