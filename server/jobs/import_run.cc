#include "server/jobs/import_run.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/json_document.h"
#include "base/shared_clock.h"
#include "base/utf8.h"
#include "proto/wire/table.h"
#include "server/jobs/import_child.h"
#include "server/jobs/job_list.h"
#include "server/records/record_merge.h"
#include "server/tenant/records_planner.h"

namespace mirror {
namespace {

/// Limits of one transaction: rows, and their bytes.
constexpr std::size_t kCommitRows = 10'000;
constexpr std::uint64_t kCommitBytes = 8 << 20;
/// Number of starts of a program that was killed from outside.
constexpr int kStartsMax = 5;
/// Number of tries to start the program while the system has no process for it, and the
/// first pause; each further pause is twice as long.
constexpr int kStartTriesMax = 8;
constexpr std::chrono::milliseconds kStartPause{200};
/// Limit of an invalid external id in the list of rejects.
constexpr std::size_t kIdShownMax = 1'024;
/// How long a mirror that cannot be written is tried again.
constexpr std::chrono::seconds kWriteWait{60};
constexpr std::chrono::milliseconds kLookInterval{200};

class ImportRun {
 public:
  ImportRun(ImportJob job, Tenant& tenant, Uploads& uploads, const ImportRunOptions& options,
            const std::function<bool()>& is_stopping)
      : job_(std::move(job)),
        tenant_(tenant),
        uploads_(uploads),
        options_(options),
        is_stopping_(is_stopping) {}

  /// Runs to the end, or until it must stop.
  void Run() {
    if (access(options_.program.c_str(), X_OK) != 0) {
      End(JobState::kCouldNotStart,
          "the program that reads files, mirror-import, is missing: ask the server's operator to install it "
          "again. Nothing was read. Then send the file again.");
      return;
    }
    int kills = 0, failures = 0;
    for (std::chrono::milliseconds pause = kStartPause;;) {
      switch (TryOnce()) {
        case Tried::kOver:
          return;
        case Tried::kKilled:
          if (++kills < kStartsMax) continue;
          End(JobState::kDied, "the program that reads the file was killed again and again");
          return;
        case Tried::kNotStarted:
          if (++failures == kStartTriesMax) {
            End(JobState::kDied,
                "the program that reads the file could not be started again and again, as the system has no "
                "process or memory for it. What was committed stays; send the file again later.");
            return;
          }
          if (!Wait(pause)) return;
          pause *= 2;
      }
    }
  }

  const ImportJob& job() const { return job_; }
  /// Returns why it ended, without any text of the file.
  const std::string& told() const { return told_; }

 private:
  enum class Tried : std::uint8_t { kOver, kKilled, kNotStarted };

  Tried TryOnce() {
    items_.clear();
    rejects_.clear();
    bytes_ = rejected_ = rejects_seen_ = 0;
    pending_seq_ = job_.seq;
    to_pass_ = job_.ahead;
    const absl::StatusOr<RecordMapper> mapper = tenant_.ReadMapper();
    is_ruled_ = !mapper.ok() || IsRuled(*mapper);
    const OwnedDescriptor file(open(uploads_.PathOf(job_.upload).c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) {
      End(JobState::kDied, "the file is not there any more. Send it again.");
      return Tried::kOver;
    }
    absl::StatusOr<std::unique_ptr<ImportChild>> child =
        ImportChild::Start(options_.program, file.get(), {.time = options_.time});
    if (!child.ok()) return Tried::kNotStarted;
    job_.state = JobState::kRunning;
    if (!Commit(std::nullopt)) return Tried::kOver;
    CrashPoint("job.begun");
    while (!is_over_) {
      if (is_stopping_()) return Tried::kOver;
      absl::StatusOr<std::optional<ImportPiece>> piece = (*child)->Next(kLookInterval);
      if (absl::IsUnavailable(piece.status())) return Tried::kKilled;
      if (!piece.ok()) {
        Broken(piece.status());
      } else if (*piece) {
        std::visit([this](auto& what) { Take(what); }, **piece);
      }
    }
    return Tried::kOver;
  }

  void Broken(const absl::Status& why) {
    const std::string message(why.message());
    if (!absl::IsInvalidArgument(why)) return End(JobState::kDied, message);
    // It may quote the program's output.
    const std::string told = "the file could not be read: the program that parses it sent an invalid message";
    End(JobState::kDied, is_ruled_ ? told : ValidUtf8(message), told);
  }

  /// Waits. False: it must stop.
  bool Wait(std::chrono::milliseconds pause) {
    for (const auto until = std::chrono::steady_clock::now() + pause;;) {
      if (is_stopping_()) return false;
      const auto left = until - std::chrono::steady_clock::now();
      if (left <= left.zero()) return true;
      std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kLookInterval));
    }
  }

  bool IsRuled(const RecordMapper& mapper) const {
    const absl::StatusOr<TableSchema> table = PartnerTableOf(mapper, tenant_.column_rules());
    return !table.ok() || table->columns[*table->Find(kRecordColumn)].rule != Rule::kPlain;
  }

  void Take(const ImportHeader& header) {
    names_ = header.columns;
    const absl::StatusOr<RecordMapper> mapper = tenant_.ReadMapper();
    if (!mapper.ok()) {
      End(JobState::kCouldNotStart, std::string(mapper.status().message()));
      return;
    }
    is_ruled_ = IsRuled(*mapper);
    id_column_ = mapper->FindExternalId(names_);
    if (!id_column_) {
      End(JobState::kCouldNotStart,
          absl::StrCat("no column of the file is the external id. Mapper '", mapper->id(), "' expects ",
                       IdNames(*mapper), "; of the file's ", Counted(names_.size(), "column"), " it knows ",
                       KnownNames(*mapper)));
      return;
    }
    for (std::size_t i = 0; i < names_.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (!mapper->Find(names_[i]) || mapper->Find(names_[i]) != mapper->Find(names_[k])) continue;
        End(JobState::kCouldNotStart,
            absl::StrCat(
                "columns '", names_[k], "' and '", names_[i],
                "' of the file map to the same attribute. Nothing was imported. Remove one of them."));
        return;
      }
    }
  }

  static std::string IdNames(const RecordMapper& mapper) {
    std::vector<std::string> names;
    for (std::size_t place = 0; place < mapper.columns().size(); ++place) {
      if (mapper.IsExternalId(place)) names.push_back(mapper.columns()[place].from);
    }
    return ListNames(names);
  }

  /// Returns only names that the mapper has: in a file without a header the others are values of a row.
  std::string KnownNames(const RecordMapper& mapper) const {
    std::vector<std::string> known;
    for (const std::string& name : names_) {
      if (const auto place = mapper.Find(name)) known.push_back(mapper.columns()[*place].from);
    }
    return known.empty() ? "none: does its first row have column names?" : ListNames(known);
  }

  void Take(const ImportRows& rows) {
    if (rows.seq <= job_.seq) return;
    for (std::uint32_t row = 0; row < rows.batch.row_count && !is_over_; ++row) {
      if (to_pass_ > 0) {
        --to_pass_;
        continue;
      }
      // A thousand rows of two thousand cells are small in the file, and large here.
      if (bytes_ >= kCommitBytes) CommitBegun();
      RecordItem& item = items_.emplace_back();
      item.line = rows.Line(row);
      const auto id_column = static_cast<std::uint32_t>(*id_column_);
      item.external_id = rows.Text(row, id_column).value_or("");
      bytes_ += item.external_id.size() + sizeof(RecordItem);
      if (rows.IsNoText(row, id_column)) {
        item.failure = "the external id is a number in the workbook, not a text: leading zeros would be lost";
        continue;
      }
      if (absl::Status checked = CheckExternalId(item.external_id); !checked.ok()) {
        item.failure = std::string(checked.message());
        continue;
      }
      TakeCells(rows, row, &item);
    }
    pending_seq_ = rows.seq;
    CommitIfMany();
  }

  void CommitIfMany() {
    if (items_.size() + rejected_ >= kCommitRows || bytes_ >= kCommitBytes) Commit(std::nullopt);
  }

  /// Commits the waiting rows; the last one may be in the middle of the rows that came together.
  void CommitBegun() {
    CommitPart({std::exchange(items_, {}), /*is_last=*/false}, std::nullopt);
    bytes_ = 0;
  }

  void TakeCells(const ImportRows& rows, std::uint32_t row, RecordItem* item) {
    item->attributes.reserve(names_.size());
    for (std::uint32_t column = 0; column < names_.size(); ++column) {
      RecordAttribute& attribute = item->attributes.emplace_back();
      attribute.name = names_[column];
      const std::optional<std::string_view> text = rows.Text(row, column);
      bytes_ += attribute.name.size() + sizeof(RecordAttribute) + 2 * text.value_or("").size();
      // An empty cell clears the former value.
      if (!text) continue;
      AppendJsonString(*text, &attribute.json.emplace());
      attribute.text = *text;
    }
  }

  void Take(const ImportRejects& rejects) {
    for (const ImportReject& reject : rejects.rejects) {
      // Committed rejects were counted, also those before committed rows.
      if (rejects_seen_++ < job_.rejects_read || rejects.before_seq <= job_.seq) continue;
      ++rejected_;
      if (job_.rejects + rejects_.size() >= kRejectsKeptMax) continue;
      Reject& kept = rejects_.emplace_back();
      kept.line = reject.line;
      kept.message = ValidUtf8(reject.reason);
      if (!is_ruled_) {
        kept.external_id = IdOf(reject);
        kept.raw = ValidUtf8(reject.raw);
      }
      bytes_ += sizeof(Reject) + kept.message.size() + kept.external_id.size() + kept.raw.size();
    }
    CommitIfMany();
  }

  /// Returns the id of a reject's row; empty: not certain, as there is a separator too many.
  std::string IdOf(const ImportReject& reject) const {
    if (!id_column_ || (*id_column_ > 0 && reject.CountCells() != names_.size())) return "";
    const std::string_view cell = reject.Cell(*id_column_).value_or("");
    return IsText(cell) && CheckExternalId(cell).ok() ? std::string(cell) : "";
  }

  void Take(const ImportProgress& progress) {
    if (progress.bytes_total == 0) return;
    const std::uint64_t percent = progress.bytes_read * 100 / progress.bytes_total;
    progress_ = std::max(progress_, std::min<std::uint64_t>(99, percent));
  }

  void Take(const ImportEnd& end) {
    if (end.outcome == ImportOutcome::kDone) {
      End(JobState::kFinished, "");
    } else {
      // Rows that were read before stay where they were first written.
      const bool has_begun = job_.seq > 0 || pending_seq_ > 0;
      const std::string told = "the file, or its header, cannot be read";
      if (end.outcome == ImportOutcome::kCouldNotStart && !has_begun) {
        End(JobState::kCouldNotStart, is_ruled_ ? told : ValidUtf8(end.reason), told);
      } else {
        End(JobState::kDied, ValidUtf8(end.reason), "the rest of the file could not be read");
      }
    }
  }

  void End(JobState state, const std::string& message) { End(state, message, message); }

  /// `told`: the text for all places except the job.
  void End(JobState state, const std::string& message, const std::string& told) {
    if (state == JobState::kCouldNotStart) items_.clear();
    told_ = told;
    Commit(Final{state, message});
    is_over_ = true;
  }

  struct Final {
    JobState state;
    std::string message;
  };

  /// Rows that are committed together: all that wait, or one after the other the parts of these.
  struct Part {
    std::vector<RecordItem> rows;
    bool is_last = true;
  };

  /// Returns the job after `outcome` for so many rows.
  ImportJob After(const RecordOutcome& outcome, std::size_t rows, bool is_last,
                  const std::optional<Final>& final, std::int64_t now_ms) const {
    ImportJob next = job_;
    next.seq = is_last ? pending_seq_ : job_.seq;
    next.ahead = is_last ? 0 : job_.ahead + rows;
    next.inserts += outcome.inserts;
    next.updates += outcome.updates;
    next.unchanged += outcome.unchanged;
    next.failed += outcome.failures.size();
    // The file's own rejects are counted by their place between rows, so with the last part.
    if (is_last) {
      next.failed += rejected_;
      next.rejects_read = std::max(next.rejects_read, rejects_seen_);
    }
    next.progress = std::max(next.progress, progress_);
    next.modified_ms = now_ms;
    if (final) {
      next.state = final->state;
      next.message = final->message;
      if (final->state == JobState::kFinished) {
        next.progress = 100;
        next.message = absl::StrCat(Counted(next.inserts + next.updates + next.failed, "row"), ": ",
                                    Counted(next.inserts, "insert"), ", ", Counted(next.updates, "update"),
                                    ", ", next.failed, " failed");
      }
    }
    return next;
  }

  std::vector<DocumentChange> ChangesFor(const RecordOutcome& outcome, bool is_last, ImportJob* next) const {
    std::vector<DocumentChange> changes;
    std::vector<Reject> all;
    if (is_last) all = rejects_;
    for (const RecordFailure& failure : outcome.failures) {
      Reject reject;
      reject.line = failure.line;
      if (!is_ruled_) reject.external_id = ValidUtf8(CutUtf8(failure.external_id, kIdShownMax));
      reject.message = ValidUtf8(failure.message);
      all.push_back(std::move(reject));
    }
    // Invalid rows and refused rows came separately.
    std::stable_sort(all.begin(), all.end(),
                     [](const Reject& a, const Reject& b) { return a.line < b.line; });
    for (const Reject& reject : all) {
      if (next->rejects >= kRejectsKeptMax) break;
      changes.push_back({kRejectKind, RejectId(next->id, next->rejects++), RejectText(reject)});
    }
    changes.push_back(JobChange(*next));
    return changes;
  }

  /// Commits what waits. False: the job is over, whatever ended it.
  bool Commit(const std::optional<Final>& final) {
    const bool goes_on = CommitPart({std::exchange(items_, {})}, final);
    rejects_.clear();
    bytes_ = rejected_ = 0;
    return goes_on;
  }

  bool CommitPart(Part part, const std::optional<Final>& final) {
    RecordRequest request;
    request.items = std::move(part.rows);
    request.updates_known = job_.updates_known;
    request.bytes = bytes_;
    const std::int64_t now_ms = SharedNowMs();
    ImportJob next;
    request.documents = [&](const RecordOutcome& outcome) {
      next = After(outcome, request.items.size(), part.is_last, final, now_ms);
      return ChangesFor(outcome, part.is_last, &next);
    };
    request.check = DocumentCheck{
        kJobKind, job_.id, [this](const std::optional<Document>& there) {
          const std::optional<ImportJob> kept = there ? JobOf(there->text) : std::nullopt;
          if (kept && !IsOver(kept->state) && kept->seq == job_.seq && kept->ahead == job_.ahead)
            return absl::OkStatus();
          return absl::AbortedError("the job was ended");
        }};
    const RecordOutcome outcome = Write(request, now_ms);
    if (outcome.status.ok()) {
      if (options_.rows != nullptr)
        options_.rows->Count(outcome.inserts, outcome.updates, outcome.deletes, next.failed - job_.failed);
      job_ = next;
      if (part.is_last) {
        CrashPoint("job.committed");
      } else {
        CrashPoint("job.part");
      }
      return true;
    }
    if (absl::IsOutOfRange(outcome.status) && request.items.size() > 1)
      return CommitHalves(std::move(request.items), part.is_last, final);
    is_over_ = true;
    if (!absl::IsAborted(outcome.status) && !absl::IsUnavailable(outcome.status))
      Refused(outcome.status, now_ms);
    return false;
  }

  /// Rows that may be too many for one transaction: each half records the job's progress with it.
  bool CommitHalves(std::vector<RecordItem> rows, bool is_last, const std::optional<Final>& final) {
    const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
    Part second{.rows = {std::make_move_iterator(middle), std::make_move_iterator(rows.end())},
                .is_last = is_last};
    rows.erase(middle, rows.end());
    return CommitPart({std::move(rows), false}, std::nullopt) && CommitPart(std::move(second), final);
  }

  RecordOutcome Write(const RecordRequest& request, std::int64_t now_ms) {
    const auto deadline = std::chrono::steady_clock::now() + kWriteWait;
    RecordOutcome outcome = tenant_.ApplyRecords(request, now_ms);
    while (absl::IsUnavailable(outcome.status) && !is_stopping_() &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(kLookInterval);
      outcome = tenant_.ApplyRecords(request, now_ms);
    }
    return outcome;
  }

  /// Ends the job: nothing more can be written, as the source is paused, or is not one of records any more.
  void Refused(const absl::Status& why, std::int64_t now_ms) {
    const std::string message = WhyRefused(why);
    absl::StatusOr<std::optional<ImportJob>> dead = EndJob(tenant_, job_.id, message, now_ms);
    // If the job could not be ended, it is tried again.
    if (!dead.ok() || !*dead) return;
    job_ = **std::move(dead);
    told_ = message;
  }

  /// Turns the reason of one failed commit into one for the whole job.
  std::string WhyRefused(const absl::Status& why) const {
    constexpr std::string_view kNothing = "Nothing was written";
    std::string message(why.message());
    const std::uint64_t rows = job_.inserts + job_.updates;
    if (rows == 0) return message;
    const std::string stays =
        absl::StrCat(Counted(rows, "row"), " that the job committed before ", rows == 1 ? "stays" : "stay",
                     "; send the file again for the rest");
    const std::size_t at = message.find(kNothing);
    if (at == std::string::npos) return absl::StrCat(message, ". ", stays, ".");
    return message.replace(at, kNothing.size(), stays);
  }

  ImportJob job_;
  Tenant& tenant_;
  Uploads& uploads_;
  const ImportRunOptions& options_;
  const std::function<bool()>& is_stopping_;
  std::vector<std::string> names_;
  std::string told_;
  bool is_ruled_ = false, is_over_ = false;
  std::optional<std::size_t> id_column_;
  std::vector<RecordItem> items_;
  std::vector<Reject> rejects_;
  std::uint64_t rejected_ = 0;      ///< Waiting rejects, kept ones and others.
  std::uint64_t rejects_seen_ = 0;  ///< The file's own rejects in this reading.
  std::uint64_t to_pass_ = 0;       ///< Rows to come that are committed already.
  std::uint64_t bytes_ = 0, pending_seq_ = 0, progress_ = 0;
};

}  // namespace

void RunImport(const ImportJob& job, Tenant& tenant, Uploads& uploads, const ImportRunOptions& options,
               const std::function<bool()>& is_stopping, Events& events) {
  ImportRun run(job, tenant, uploads, options, is_stopping);
  run.Run();
  if (run.job().state == JobState::kDied || run.job().state == JobState::kCouldNotStart) {
    events.Add(
        tenant.context_id(), Severity::kWarning, "import.failed",
        absl::StrCat("import job '", job.id, "' ",
                     run.job().state == JobState::kDied ? "died" : "could not start", ": ", run.told()));
  }
}

}  // namespace mirror
