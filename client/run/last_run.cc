#include "client/run/last_run.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/db/sqlite/file_layout.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

/// Size of a mark: "1763805332123", with spaces before it, and a line end.
constexpr std::size_t kMarkBytes = 32;
/// For a mark: a pipe with its name must not block the open.
constexpr int kMarkFlags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

std::string MarkPath(const std::string& state_dir, const std::string& context_id) {
  return absl::StrCat(state_dir, "/", context_id, ".begun");
}

using Json = nlohmann::json;
/// The number is in the field `version`.
const KnownLayout kLayout = {"the record of the last run", 1};

std::string PathOf(const std::string& state_dir, const std::string& context_id) {
  return absl::StrCat(state_dir, "/", context_id, ".last.json");
}

std::string InASentence(const LastRun& run) {
  if (!run.reason.empty()) return absl::StrCat(std::string(ToString(run.outcome)), ": ", run.reason);
  if (run.troubles.empty() && run.exchange && run.exchange->refused > 0) {
    const ExchangeFigures& exchange = *run.exchange;
    const std::string first = exchange.refusals.empty() ? "" : ": " + exchange.refusals.front();
    return exchange.refused == 1 ? absl::StrCat("a delivery was refused", first)
                                 : absl::StrCat(exchange.refused, " deliveries were refused", first);
  }
  if (run.troubles.empty())
    return "tables that the source no longer has wait for a decision of the mirror's operator";
  const LastRun::Trouble& first = run.troubles.front();
  const std::size_t more = run.troubles.size() - 1;
  return absl::StrCat("table '", first.table, "' ", std::string(ToString(first.result)), ": ", first.reason,
                      more == 0 ? "" : absl::StrCat(" (and ", Counted(more, "table"), " more)"));
}

LastRun Describe(const CycleReport& report) {
  LastRun run;
  run.outcome = report.outcome;
  run.good = report.Good();
  run.reason = report.outcome == Outcome::kFailed ? std::string(report.status.message()) : report.reason;
  run.cycle = report.cycle;
  run.tables_held = report.tables_held;
  for (const std::string& note : report.notes) {
    if (run.notes.size() < LastRun::kNotesKept) run.notes.push_back(note.substr(0, LastRun::kNoteBytesKept));
  }
  run.unlogged = {report.unlogged.begin(), report.unlogged.end()};
  run.exchange = report.exchange;
  for (const TableReport& table : report.tables) {
    if (table.equality == TableReport::Equality::kDiffers) run.differing.push_back(table.table);
    if (table.result == TableResult::kOk) {
      ++run.ok;
      run.rows += table.inserts + table.updates + table.deletes;
    } else if (table.result <= TableResult::kBlocked) {
      ++run.left_out;
    } else {
      run.troubles.push_back({table.table, table.result, table.reason});
    }
  }
  return run;
}

/// Calls `visit` with the name in the file and the value of each field that every record has.
template <typename Run, typename Visit>
void ForEachField(Run& run, const Visit& visit) {
  visit("begun_ms", run.begun_ms);
  visit("ended_ms", run.ended_ms);
  visit("good", run.good);
  visit("reason", run.reason);
  visit("cycle", run.cycle);
  visit("ok", run.ok);
  visit("left_out", run.left_out);
  visit("rows", run.rows);
  visit("tables_held", run.tables_held);
  visit("good_ms", run.good_ms);
  visit("compared_ms", run.compared_ms);
  visit("differing", run.differing);
  visit("error_ms", run.error_ms);
  visit("error", run.error);
}

std::string ToText(const LastRun& run) {
  Json json = {{"version", kLayout.present},
               {"program", std::string(ProgramVersion())},
               {"outcome", ToString(run.outcome)},
               {"troubles", Json::array()},
               {"notes", run.notes}};
  const auto write_to = [](Json& object) {
    return [&object](const char* name, const auto& value) { object[name] = value; };
  };
  ForEachField(run, write_to(json));
  for (const LastRun::Trouble& trouble : run.troubles) {
    json["troubles"].push_back(
        {{"table", trouble.table}, {"result", ToString(trouble.result)}, {"reason", trouble.reason}});
  }
  // Earlier programs with this layout do not write these fields, and ignore them.
  if (!run.unlogged.empty()) json["unlogged"] = run.unlogged;
  if (run.exchange) ForEachFigure(*run.exchange, write_to(json["deliveries"]));
  if (run.waiting_since_ms != 0) json["waiting_since_ms"] = run.waiting_since_ms;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::Status Unreadable(const std::string& path) {
  return absl::DataLossError(absl::StrCat(
      "'", path, "' is damaged or not of this agent. No cycle needs it; the next run replaces it"));
}

/// Replaces the file atomically for readers, without a sync.
absl::Status ReplaceUnsynced(const std::string& path, const std::string& text) {
  const std::string fresh = absl::StrCat(path, ".new");
  std::ofstream file(fresh, std::ios::trunc);
  file << text;
  file.close();
  std::error_code error;
  if (!file.fail()) std::filesystem::rename(fresh, path, error);
  if (!file.fail() && !error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "'", path, "' cannot be written: 'mirror-agent status' does not show this run. Check the disk"));
}

/// Returns LastRun::waiting_since_ms after a run. `asked`: the results of deliveries; absent: the run did not
/// ask for any.
std::int64_t WaitingSince(const std::optional<ExchangeFigures>& asked, const LastRun& former,
                          std::int64_t ended_ms) {
  if (!asked) return former.waiting_since_ms;
  if (asked->waiting.empty()) return 0;
  return former.waiting_since_ms == 0 ? ended_ms : former.waiting_since_ms;
}

}  // namespace

absl::Status MarkBegin(const std::string& state_dir, const std::string& context_id, std::int64_t begun_ms) {
  const std::string path = MarkPath(state_dir, context_id);
  const std::string text = absl::StrFormat("%*d\n", static_cast<int>(kMarkBytes) - 1, begun_ms);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | kMarkFlags, 0600);
  const int folder = open(state_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file >= 0 && folder >= 0) errno = EIO;  // For a short write.
  const bool written = file >= 0 && folder >= 0 &&
                       pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
                       fsync(file) == 0 && fsync(folder) == 0;
  const int error = errno;
  if (file >= 0) close(file);
  if (folder >= 0) close(folder);
  if (written) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("'", path, "' cannot be written: ", std::strerror(error),
                                             ". Nothing was sent; give this user the right to write in "
                                             "[agent] 'state_dir', and check the disk"));
}

std::optional<std::int64_t> LoadMark(const std::string& state_dir, const std::string& context_id) {
  const int file = open(MarkPath(state_dir, context_id).c_str(), O_RDONLY | kMarkFlags);
  if (file < 0) return std::nullopt;
  std::array<char, kMarkBytes> bytes;
  const ssize_t got = pread(file, bytes.data(), bytes.size(), 0);
  close(file);
  std::int64_t begun_ms = 0;
  const bool whole = got == static_cast<ssize_t>(kMarkBytes) &&
                     absl::SimpleAtoi(absl::StripAsciiWhitespace({bytes.data(), kMarkBytes}), &begun_ms);
  return whole ? std::optional(begun_ms) : std::nullopt;
}

absl::StatusOr<std::optional<LastRun>> LastRun::Load(const std::string& state_dir,
                                                     const std::string& context_id) {
  const std::string path = PathOf(state_dir, context_id);
  std::error_code error;
  const std::filesystem::file_status there = std::filesystem::status(path, error);
  if (there.type() == std::filesystem::file_type::not_found) return std::nullopt;
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (error || !file.good()) {
    return absl::UnavailableError(
        absl::StrCat("'", path, "' cannot be read. Run this command as the user of the agent"));
  }
  try {
    const Json json = Json::parse(text.str());
    const FileLayout layout = {json.at("version").get<std::int64_t>(), json.value("program", "")};
    RETURN_IF_ERROR(CheckLayout(layout, kLayout, path));
    LastRun run;
    const auto read_from = [](const Json& object) {
      return [&object](const char* name, auto& value) { object.at(name).get_to(value); };
    };
    ForEachField(run, read_from(json));
    const std::optional<Outcome> outcome = ParseOutcome(json.at("outcome").get<std::string>());
    if (!outcome) return Unreadable(path);
    run.outcome = *outcome;
    run.notes = json.value("notes", run.notes);
    run.unlogged = json.value("unlogged", run.unlogged);
    if (json.contains("deliveries")) ForEachFigure(run.exchange.emplace(), read_from(json.at("deliveries")));
    run.waiting_since_ms = json.value("waiting_since_ms", run.waiting_since_ms);
    for (const Json& trouble : json.at("troubles")) {
      const std::optional<TableResult> result = ParseTableResult(trouble.at("result").get<std::string>());
      if (!result) return Unreadable(path);
      run.troubles.push_back(
          {trouble.at("table").get<std::string>(), *result, trouble.at("reason").get<std::string>()});
    }
    return run;
  } catch (const Json::exception&) {
    return Unreadable(path);
  }
}

absl::Status KeepLastRun(const std::string& state_dir, const std::string& context_id,
                         const CycleReport& report, std::int64_t begun_ms, std::int64_t ended_ms,
                         bool compared) {
  const absl::StatusOr<std::optional<LastRun>> before = LastRun::Load(state_dir, context_id);
  const bool known = before.ok() && before->has_value();
  LastRun run = Describe(report);
  run.begun_ms = begun_ms;
  run.ended_ms = ended_ms;
  const LastRun former = known ? **before : LastRun();
  const bool pushed = report.pushes || !known || report.outcome != Outcome::kDone;
  if (pushed) {
    run.good_ms = run.good ? ended_ms : former.good_ms;
    run.compared_ms = compared ? ended_ms : former.compared_ms;
    if (!compared) run.differing = former.differing;
    run.error_ms = run.good ? former.error_ms : ended_ms;
    run.error = run.good ? former.error : InASentence(run);
  } else {
    run = former;
    run.begun_ms = begun_ms;
    run.ended_ms = ended_ms;
    run.exchange = report.exchange;
  }
  run.waiting_since_ms = WaitingSince(report.exchange, former, ended_ms);
  const std::string path = PathOf(state_dir, context_id);
  const bool quiet = run.good && former.good && (run.rows == 0 || !pushed) && !compared;
  if (quiet) return ReplaceUnsynced(path, ToText(run));
  return WriteFileAtomically(path, ToText(run), FileUse::kSecret, ExistingFile::kReplace);
}

void ForgetUnlogged(const std::string& state_dir, const std::string& context_id) {
  absl::StatusOr<std::optional<LastRun>> last = LastRun::Load(state_dir, context_id);
  if (!last.ok() || !last->has_value()) return;
  const auto is_it = [](const std::string& note) { return note.ends_with(kUnlogged); };
  // The next run writes the file in any case.
  if (std::erase_if((*last)->notes, is_it) > 0)
    (void)ReplaceUnsynced(PathOf(state_dir, context_id), ToText(**last));
}

void ForgetLastRun(const std::string& state_dir, const std::string& context_id) {
  std::error_code ignored;
  std::filesystem::remove(PathOf(state_dir, context_id), ignored);
}

}  // namespace mirror
