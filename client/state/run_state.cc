#include "client/state/run_state.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/file_layout.h"
#include "base/enum_words.h"
#include "base/file.h"
#include "base/folded_name.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "certs/token.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

const EnumWords<TakenOver>& TakenOverWords() {
  static const EnumWords<TakenOver> kWords = {{"keeps", TakenOver::kKeeps}, {"yes", TakenOver::kYes}};
  return kWords;
}

using Json = nlohmann::json;
/// The number is in the field `version`. Version 1 has no `database` in `source`,
/// 2 has it, 3 has `announced`; without `announced` the next cycle announces all.
const KnownLayout kLayout = {"the run state", 3};

absl::Status Unreadable(const std::string& path, const std::string& why) {
  return absl::DataLossError(
      absl::StrCat("'", path, "' is damaged, or no agent wrote it (", why,
                   "). Nothing was sent. Restore it, or remove it: then every table is ", "populated anew"));
}

/// Formats a source for people.
std::string Shown(const SourceMark& mark) {
  return mark.database.empty() ? absl::StrCat("'", mark.path, "'")
                               : absl::StrCat(mark.path, " (", mark.database, ")");
}

}  // namespace

std::string ToString(TakenOver taken_over) { return WordOf(TakenOverWords(), taken_over); }
std::optional<TakenOver> ParseTakenOver(std::string_view word) { return ValueOf(TakenOverWords(), word); }

std::vector<std::string> TableNotes::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, note] : notes_) names.push_back(name);
  return names;
}

const TableNote* TableNotes::Find(const std::string& table) const {
  const auto found = notes_.find(table);
  return found == notes_.end() ? nullptr : &found->second;
}

TableNote* TableNotes::Known(const std::string& table) {
  const auto found = notes_.find(table);
  return found == notes_.end() ? nullptr : &found->second;
}

std::map<std::string, std::string> TableNotes::Records() const {
  std::map<std::string, std::string> records;
  for (const auto& [name, note] : notes_) {
    if (!note.record.empty()) records[name] = note.record;
  }
  return records;
}

void TableNotes::SetRecord(const std::string& table, const std::string& record) {
  notes_[table].record = record;
}

bool TableNotes::IsSuspect(const std::string& table) const {
  const TableNote* const note = Find(table);
  return note != nullptr && note->suspect;
}

void TableNotes::SetSuspect(const std::string& table, bool suspect) {
  if (TableNote* const note = Known(table)) note->suspect = suspect;
}

std::vector<std::string> TableNotes::Suspects() const {
  std::vector<std::string> names;
  for (const auto& [name, note] : notes_) {
    if (note.suspect) names.push_back(name);
  }
  return names;
}

bool TableNotes::ShallCount(const std::string& table, std::int64_t now_ms, std::int64_t interval_ms) const {
  const TableNote* const note = Find(table);
  if (note == nullptr) return true;
  const std::int64_t since = now_ms - note->counted_ms;
  // A clock that was set back does not delay the next count.
  return since < 0 || since >= interval_ms;
}

void TableNotes::SetCounted(const std::string& table, std::int64_t now_ms) {
  if (TableNote* const note = Known(table)) note->counted_ms = now_ms;
}

bool TableNotes::ShallLookAtKey(const std::string& table, std::int64_t now_ms,
                                std::int64_t interval_ms) const {
  const TableNote* const note = Find(table);
  if (note == nullptr || note->key_refused_ms == 0) return false;
  const std::int64_t since = now_ms - note->key_refused_ms;
  return since < 0 || since >= interval_ms;
}

void TableNotes::SetKeyRefused(const std::string& table, std::optional<std::int64_t> now_ms) {
  if (now_ms) {
    std::int64_t& since_ms = notes_[table].key_refused_ms;
    if (since_ms == 0) since_ms = std::max<std::int64_t>(1, *now_ms);
  } else if (TableNote* const note = Known(table)) {
    note->key_refused_ms = 0;
  }
}

const Confirmed* TableNotes::FindConfirmed(const std::string& table) const {
  const TableNote* const note = Find(table);
  return note == nullptr || !note->confirmed ? nullptr : &*note->confirmed;
}

void TableNotes::SetConfirmed(const std::string& table, const Position& position, const Form& form) {
  if (TableNote* const note = Known(table)) note->confirmed = Confirmed{position, form};
}

TakenOver TableNotes::IsTakenOver(const std::string& table) const {
  const TableNote* const note = Find(table);
  return note == nullptr ? TakenOver::kNo : note->taken_over;
}

void TableNotes::SetTakenOver(const std::string& table, TakenOver taken_over) {
  if (taken_over != TakenOver::kNo) {
    notes_[table].taken_over = taken_over;
  } else if (TableNote* const note = Known(table)) {
    note->taken_over = taken_over;
  }
}

void TableNotes::Retain(const std::vector<std::string>& names) {
  const std::set<std::string> kept(names.begin(), names.end());
  std::erase_if(notes_, [&kept](const auto& note) { return kept.count(note.first) == 0; });
}

absl::StatusOr<RunState> RunState::Load(const std::string& state_dir, const std::string& context_id) {
  RunState state;
  state.path_ = absl::StrCat(state_dir, "/", context_id, ".json");
  std::error_code error;
  if (!std::filesystem::exists(state.path_, error)) {
    state.id_ = absl::AsciiStrToLower(NewNonce());
    state.source_id_ = absl::AsciiStrToLower(NewNonce());
    state.is_new_ = true;
    return state;
  }
  std::ifstream file(state.path_);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file.good()) return absl::UnavailableError(absl::StrCat("'", state.path_, "' cannot be read"));
  try {
    const Json json = Json::parse(text.str());
    const FileLayout layout = {json.at("version").get<std::int64_t>(), json.value("program", "")};
    RETURN_IF_ERROR(CheckLayout(layout, kLayout, state.path_));
    state.id_ = json.at("id").get<std::string>();
    state.source_id_ = json.at("source_id").get<std::string>();
    state.run_ = json.at("run").get<std::int64_t>();
    state.verified_ms_ = json.value("verified_ms", std::int64_t{0});
    if (const auto announced = json.find("announced"); announced != json.end()) {
      state.announced_ = {announced->at("sha256").get<std::string>(),
                          announced->at("message_bytes_max").get<std::uint64_t>(),
                          announced->at("message_entries_max").get<std::uint32_t>()};
    }
    state.host_ = json.at("host").get<std::string>();
    const Json& source = json.at("source");
    state.mark_ = {source.at("path").get<std::string>(), source.at("device").get<std::uint64_t>(),
                   source.at("inode").get<std::uint64_t>(), source.at("change_counter").get<std::uint64_t>(),
                   source.value("database", "")};
    for (const auto& [name, entry] : json.at("tables").items()) {
      TableNote& table = state.tables_.all()[name];
      table.sent = entry.at("sent").get<std::int64_t>();
      table.suspect = entry.value("suspect", false);
      table.counted_ms = entry.value("counted_ms", std::int64_t{0});
      table.record = entry.at("record").get<std::string>();
      table.key_refused_ms = entry.value("key_refused_ms", std::int64_t{0});
      if (const auto confirmed = entry.find("confirmed"); confirmed != entry.end()) {
        const auto form = confirmed->at("form").get<std::string>();
        const Position position = {Lsn{confirmed->at("lsn").get<std::int64_t>()},
                                   confirmed->at("lineage").get<std::string>()};
        if (!form.empty()) table.confirmed = Confirmed{position, ParseForm(form)};
      }
      const std::string taken_over = entry.value("taken_over", "");
      if (!taken_over.empty()) table.taken_over = ParseTakenOver(taken_over).value_or(TakenOver::kYes);
    }
  } catch (const Json::exception& wrong) {
    return Unreadable(state.path_, wrong.what());
  }
  state.saved_ = text.str();
  return state;
}

absl::Status RunState::Save() {
  Json tables = Json::object();
  for (const auto& [name, table] : tables_.all()) {
    tables[name] = {{"sent", table.sent},
                    {"suspect", table.suspect},
                    {"counted_ms", table.counted_ms},
                    {"record", table.record}};
    if (table.confirmed) {
      tables[name]["confirmed"] = {{"lsn", table.confirmed->position.lsn.value},
                                   {"lineage", table.confirmed->position.lineage},
                                   {"form", ToString(table.confirmed->form)}};
    }
    if (table.key_refused_ms != 0) tables[name]["key_refused_ms"] = table.key_refused_ms;
    if (table.taken_over != TakenOver::kNo) tables[name]["taken_over"] = ToString(table.taken_over);
  }
  const Json json = {{"version", kLayout.present},
                     {"program", std::string(ProgramVersion())},
                     {"id", id_},
                     {"source_id", source_id_},
                     {"run", run_},
                     {"verified_ms", verified_ms_},
                     {"announced",
                      {{"sha256", announced_.sha256},
                       {"message_bytes_max", announced_.message_bytes_max},
                       {"message_entries_max", announced_.message_entries_max}}},
                     {"host", host_},
                     {"source",
                      {{"path", mark_.path},
                       {"device", mark_.device},
                       {"inode", mark_.inode},
                       {"change_counter", mark_.change_counter},
                       {"database", mark_.database}}},
                     {"tables", std::move(tables)}};
  // A path that is not UTF-8 is written approximately:
  // it then counts as another path, so more is sent.
  const std::string text = json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (text == saved_) return absl::OkStatus();
  if (absl::Status status = WriteFileAtomically(path_, text, FileUse::kSecret, ExistingFile::kReplace);
      !status.ok()) {
    return status;
  }
  saved_ = text;
  return absl::OkStatus();
}

absl::StatusOr<std::string> RunState::Bind(const SourceMark& mark) {
  const SourceMark before = std::exchange(mark_, mark);
  const std::string host = HostId();
  const std::string host_before = std::exchange(host_, host);
  if (before.path.empty()) return "";
  if (before.database != mark.database) {
    BecomeAnother();
    return absl::StrCat("the source is another database than in the last run (", Shown(before), ", now ",
                        Shown(mark),
                        "): it counts as a new source; if the mirror accepts this run, it populates all "
                        "tables");
  }
  // A server's database has an id of its own, so path and machine do not matter.
  if (mark.database.empty() && (before.path != mark.path || host_before != host)) {
    BecomeAnother();
    return absl::StrCat("the source was at '", before.path, "' and is now at '", mark.path,
                        "', or this is another machine: it counts as a new source; if the mirror accepts "
                        "this run, it populates all tables");
  }
  // A reader that reads rows instead of the file gives no inode.
  const bool replaced =
      before.inode != 0 && mark.inode != 0 && (before.device != mark.device || before.inode != mark.inode);
  if (replaced || (mark.inode != 0 && mark.change_counter < before.change_counter)) {
    ForgetRuns();
    return absl::StrCat(
        "'", mark.path, "' was ", replaced ? "replaced by another file" : "set back to an older state",
        " since the last run: it counts as restored; if the mirror accepts this run, it populates all "
        "tables");
  }
  return "";
}

void RunState::BecomeAnother() {
  source_id_ = absl::AsciiStrToLower(NewNonce());
  ForgetRuns();
}

void RunState::ForgetRuns() {
  id_ = absl::AsciiStrToLower(NewNonce());
  for (auto& [name, table] : tables_.all()) table = TableNote{};
}

std::string RunState::Lineage(std::int64_t run) const { return absl::StrCat(id_, ":", run); }

std::optional<std::int64_t> RunState::RunOf(const Position& position) const {
  if (position.lsn.value <= 0 || position.lineage != Lineage(position.lsn.value)) return std::nullopt;
  return position.lsn.value;
}

absl::StatusOr<Standing> RunState::Judge(const std::string& table, const Position& position) {
  if (position.lsn.value > run_) return Standing::kAhead;
  const std::optional<std::int64_t> run = RunOf(position);
  const TableNote* const note = tables_.Find(table);
  if (!run || note == nullptr || *run > note->sent) return Standing::kMiss;
  return *run == note->sent ? Standing::kKnown : Standing::kOlder;
}

absl::StatusOr<std::map<std::string, Position>> RunState::Begin(const std::vector<std::string>& tables,
                                                                std::int64_t highest) {
  // A larger number was written by hand; such a position is never recognised, whatever the run's number.
  constexpr std::int64_t kSensible = INT64_MAX / 2;
  run_ = std::max(run_, highest < kSensible ? highest : 0) + 1;
  std::map<std::string, Position> targets;
  for (const std::string& table : tables) {
    tables_.all()[table].sent = run_;
    targets[table] = {Lsn{run_}, Lineage(run_)};
  }
  RETURN_IF_ERROR(Save());
  return targets;
}

/// Makes the mirror's position of the table unknown, so that it is populated. On disk with the next Save().
absl::Status RunState::GiveUp(const std::string& table) {
  for (auto& [name, known] : tables_.all()) {
    // Pretends that a later run was not completed: the mirror then still counts as this source's own.
    if (SameName(name, table) && known.sent > 0) known.sent = INT64_MAX;
  }
  return absl::OkStatus();
}

}  // namespace mirror
