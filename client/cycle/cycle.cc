#include "client/cycle/cycle.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "client/cycle/announcement.h"
#include "client/cycle/answer_check.h"
#include "client/cycle/cycle_receipts.h"
#include "client/cycle/decision.h"
#include "client/cycle/row_sender.h"
#include "client/cycle/verifier.h"
#include "proto/wire/codec.h"
#include "proto/wire/key_text.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr std::size_t kNamesListed = 10;

class Run {
 public:
  Run(const CycleParts& parts, const CycleOptions& options)
      : reader_(parts.reader),
        client_(parts.client),
        lock_(parts.lock),
        state_(parts.state),
        history_(parts.log != nullptr ? *parts.log : parts.state),
        options_(options),
        receipts_(parts.receipts) {}

  CycleReport Do() {
    const absl::Status status = AllCycles();
    if (!status.ok()) {
      report_.outcome = Outcome::kFailed;
      report_.status = status;
    }
    return std::move(report_);
  }

 private:
  absl::Status AllCycles() {
    for (int repeat = 0;; ++repeat) {
      if (absl::Status status = TakeSchema(); !status.ok()) return status;
      if (repeat == 0) {
        if (absl::Status status = FirstLook(); !status.ok()) return status;
      }
      absl::StatusOr<bool> began = OneCycle();
      if (!began.ok()) return began.status();
      if (!*began) return absl::OkStatus();
      report_.outcome = Outcome::kDone;
      std::set<std::string> again = std::exchange(compare_again_, {});
      for (const Job& job : jobs_) {
        if (!job.again) continue;
        again.insert(job.schema.name);
        if (job.whole_rows) whole_rows_.insert(job.schema.name);
      }
      repairs_.clear();
      for (auto& [table, found] : std::exchange(differ_, {})) {
        if (!options_.repair && state_.IsTakenOver(table) == RunState::TakenOver::kNo) continue;
        again.insert(table);
        repairs_[table] = std::move(found);
      }
      if (again.empty()) return absl::OkStatus();
      if (repeat == kMovedRepeats) return GiveUp();
      again_ = std::move(again);
    }
  }

  /// What the source is now; its history is made to fit it first.
  absl::Status TakeSchema() {
    for (int repeat = 0; repeat <= kMovedRepeats; ++repeat) {
      const absl::StatusOr<std::vector<std::string>> names = reader_.TableNames();
      if (!names.ok()) return names.status();
      if (names->empty()) return NoTable();
      absl::StatusOr<std::vector<std::string>> news = history_.Renew(*names);
      if (!news.ok()) return news.status();
      for (std::string& sentence : *news) AddNote(std::move(sentence));
      absl::StatusOr<SourceSchema> schema = reader_.Schema();
      if (!schema.ok()) return schema.status();
      schema_ = *std::move(schema);
      for (SourceTable& table : schema_.tables) {
        const TargetRule rule = RuleOf(table.schema.name);
        table.schema.preserve_target = rule.preserve_target;
        if (rule.deletes != Deletes::kApply) table.schema.deletes = rule.deletes;
      }
      const bool complete =
          std::all_of(schema_.tables.begin(), schema_.tables.end(),
                      [this](SourceTable& table) { return history_.Complete(table.schema); });
      if (complete) return absl::OkStatus();
    }
    return absl::UnavailableError(
        "the source's definitions change all the time. Nothing was sent; run again when they are settled");
  }

  absl::Status NoTable() const {
    if (!schema_.refused.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("no table of the source can be mirrored. Nothing was announced, since that would drop "
                       "every table of the mirror. '",
                       schema_.refused.front().name, "': ", schema_.refused.front().reason));
    }
    return absl::FailedPreconditionError(
        "the source has no table to mirror. Nothing was announced, since that would drop every table of the "
        "mirror; check 'path', 'include', 'skip' and 'blocked' of its [[source]]");
  }

  /// What can be wrong before anything is sent.
  absl::Status FirstLook() {
    for (const std::string& wanted : options_.repopulate) {
      if (FindTable(wanted) == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat("the source has no table '", wanted, "' to repopulate. Nothing was sent"));
      }
    }
    AddLeftOut(schema_.refused, TableResult::kRefused);
    if (absl::Status lost = CheckRefused(); !lost.ok()) return lost;
    AddLeftOut(schema_.blocked, TableResult::kBlocked);
    if (schema_.tables.empty()) return NoTable();
    for (const std::string& note : schema_.notes) AddNote(note);
    absl::StatusOr<std::string> moved = history_.Bind(reader_.Mark());
    if (!moved.ok()) return moved.status();
    AddNote(*std::move(moved));
    for (const std::string& pattern : schema_.idle_patterns) {
      AddNote(
          absl::StrCat("no table of the source matches '", pattern, "' of 'include', 'skip' or 'blocked'"));
    }
    std::vector<std::string> gone = state_.Tables();
    std::erase_if(gone, [this](const std::string& name) { return FindTable(name) != nullptr; });
    if (!gone.empty()) {
      AddNote(absl::StrCat(gone.size(), gone.size() == 1 ? " table is" : " tables are",
                           " not announced any more, and the mirror sets aside what it has of them: ",
                           ListNames(gone, kNamesListed)));
    }
    return absl::OkStatus();
  }

  /// One that was announced before and cannot be now would count as dropped.
  absl::Status CheckRefused() const {
    const std::vector<std::string> announced = state_.Tables();
    for (const RefusedTable& table : schema_.refused) {
      const bool was = std::any_of(announced.begin(), announced.end(),
                                   [&](const std::string& name) { return SameName(name, table.name); });
      if (!was) continue;
      return absl::FailedPreconditionError(
          absl::StrCat("table '", table.name, "' was announced before and cannot be now: ", table.reason,
                       ". Nothing of the source was sent, or the mirror would set the table aside as a "
                       "dropped one. Mend that, "
                       "or take its [[source.table]] away"));
    }
    return absl::OkStatus();
  }

  void AddLeftOut(const std::vector<RefusedTable>& tables, TableResult result) {
    for (const RefusedTable& table : tables) {
      TableReport& report = report_.tables.emplace_back();  // Not by name: it may be any.
      report.table = table.name;
      report.reason = table.reason;
      report.result = result;
    }
  }

  void AddNote(std::string note) {
    // What a look told, who reads the rows may tell again.
    const bool told = std::find(report_.notes.begin(), report_.notes.end(), note) != report_.notes.end();
    if (!note.empty() && !told) report_.notes.push_back(std::move(note));
  }

  TargetRule RuleOf(const std::string& table) const {
    const auto rule = options_.targets.find(FoldName(table));
    return rule == options_.targets.end() ? TargetRule() : rule->second;
  }

  const SourceTable* FindTable(const std::string& name) const {
    for (const SourceTable& table : schema_.tables) {
      if (SameName(table.schema.name, name)) return &table;
    }
    return nullptr;
  }

  TableReport& ReportOf(const std::string& table) {
    const auto [at, fresh] = report_at_.try_emplace(FoldName(table), report_.tables.size());
    if (fresh) report_.tables.emplace_back().table = table;
    return report_.tables[at->second];
  }

  /// The tables still moved after the last repeat.
  absl::Status GiveUp() {
    for (const Job& job : jobs_) {
      if (!job.again) continue;
      TableReport& report = ReportOf(job.schema.name);
      report.result = TableResult::kFailed;
      report.reason = absl::StrCat(
          job.error.message(), "; this is so in each of ", kMovedRepeats + 1,
          " attempts. Nothing of it is committed, readers of the mirror see the old rows. Run again when the "
          "source is quiet");
    }
    return absl::OkStatus();
  }

  /// False: no cycle began, and the report says why.
  absl::StatusOr<bool> OneCycle() {
    jobs_.clear();
    statuses_.clear();
    const absl::StatusOr<LockFile::Holder> holder = lock_.Begin();
    if (!holder.ok()) return holder.status();
    CrashPoint("agent.locked");
    absl::StatusOr<v1::AuthenticateResponse> answer = Authenticate(holder->id, holder->take_over);
    // Each answer has so many receipts, and the cycle's own are kept only behind all others.
    for (int i = 1; i < kReceiptAnswersMax && answer.ok() && answer->accepted() && receipts_.behind(); ++i) {
      answer = Authenticate(holder->id, /*take_over=*/true);
    }
    if (!answer.ok()) return answer.status();
    if (!answer->accepted()) return NotAccepted(*answer);
    report_.cycle = answer->cycle();
    limits_ = answer->limits();
    const auto& capabilities = answer->capabilities();
    can_compare_ = std::find(capabilities.begin(), capabilities.end(), "digest_ranges") != capabilities.end();

    CrashPoint("agent.begun");
    // Who the source is, the mirror must not know better than the source itself.
    absl::Status status = CheckLimits(limits_);
    if (status.ok()) status = state_.Save();
    if (status.ok()) status = Announce();
    CrashPoint("agent.announced");
    if (status.ok()) status = Remember();
    CrashPoint("agent.recorded");
    if (status.ok()) status = SendJobs();
    CrashPoint("agent.sent");
    FinishReports(status);
    TakeReceipts();
    if (status.ok()) status = CompareTables();
    reader_.LeaveMoment();
    CrashPoint("agent.compared");
    const absl::Status completed = Complete(status);
    if (!status.ok()) return ForPeople(status);
    if (!completed.ok()) return ForPeople(completed);
    return true;
  }

  absl::StatusOr<v1::AuthenticateResponse> Authenticate(const std::string& holder, bool take_over) {
    absl::StatusOr<v1::AuthenticateResponse> answer =
        client_.Authenticate(holder, take_over, /*probe=*/false, receipts_.known());
    if (answer.ok() && answer->accepted()) AddNote(receipts_.Begin(*answer, client_));
    return answer;
  }

  absl::Status ForPeople(const absl::Status& status) const {
    if (!absl::IsAborted(status)) return status;
    return absl::AbortedError(absl::StrCat(
        "cycle ", report_.cycle,
        " was ended at the mirror: by an operator (invalidate, reset, pause), by another agent, or "
        "after ten minutes without progress. What was acknowledged before is committed, the rest is "
        "not; run again, it goes on from there"));
  }

  absl::StatusOr<bool> NotAccepted(const v1::AuthenticateResponse& answer) {
    if (absl::Status ended = lock_.End(); !ended.ok()) return ended;
    if (answer.has_busy()) {
      report_.outcome = Outcome::kBusy;
      report_.reason =
          answer.reason().empty()
              ? absl::StrCat("cycle ", answer.busy().cycle(), " of another agent is at work for tenant '",
                             client_.context_id(), "'. Nothing was sent; try again later")
              : answer.reason();
      return false;
    }
    if (answer.do_not_replicate()) {
      report_.outcome = IsWanted(answer.do_not_replicate_by()) ? Outcome::kDoNotReplicate : Outcome::kStopped;
      report_.reason = absl::StrCat(Asker(answer.do_not_replicate_by()), answer.reason());
      return false;
    }
    return absl::InternalError("the endpoint neither began a cycle nor said why. Nothing was sent");
  }

  /// Endpoints of before do not say who it was.
  static bool IsWanted(v1::DoNotReplicateBy by) {
    return by == v1::DO_NOT_REPLICATE_BY_OPERATOR || by == v1::DO_NOT_REPLICATE_BY_UNSPECIFIED;
  }
  static const char* Asker(v1::DoNotReplicateBy by) {
    switch (by) {
      case v1::DO_NOT_REPLICATE_BY_MISS:
        return "the mirror paused itself, and stands still until its operator resumes it: ";
      case v1::DO_NOT_REPLICATE_BY_HOOK:
        return "a hook of the mirror refused the cycle: ";
      case v1::DO_NOT_REPLICATE_BY_DELETED:
        return "an operator deleted the mirror: ";
      default:
        return "";
    }
  }

  /// TableSchema, and what follows from its answer for each table.
  absl::Status Announce() {
    v1::TableSchemaRequest request;
    request.set_cycle(report_.cycle);
    request.set_source_id(history_.source_id());
    EncodeAnnouncement(schema_.tables, limits_, &request);
    const absl::StatusOr<v1::TableSchemaResponse> response = client_.TableSchema(request);
    if (!response.ok()) return response.status();
    if (absl::Status checked = CheckTables(request, *response); !checked.ok()) return checked;
    statuses_.assign(response->tables().begin(), response->tables().end());
    report_.tables_held = response->held_tables_size() > 0;
    if (report_.tables_held && again_.empty()) AddNote(response->held_reason());
    // Whatever is found from here on, quiet tables included, is so after this moment.
    if (again_.empty()) looked_ms_ = NowMs();
    for (std::size_t i = 0; i < schema_.tables.size(); ++i) {
      if (!again_.empty() && again_.count(schema_.tables[i].schema.name) == 0) continue;
      DecideTable(i);
    }
    return absl::OkStatus();
  }

  void DecideTable(std::size_t index) {
    const SourceTable& table = schema_.tables[index];
    const v1::TableStatus& status = statuses_[index];
    TableReport& report = ReportOf(table.schema.name);
    report.lsn = status.position().lsn();
    const auto leave = [&](TableResult result, const std::string& reason) {
      report.result = result;
      report.reason = reason;
    };
    if (status.action() == v1::TABLE_ACTION_REFUSED) return leave(TableResult::kRefused, status.reason());
    if (status.action() == v1::TABLE_ACTION_HELD) return leave(TableResult::kHeld, status.reason());
    if (!status.wanted()) return leave(TableResult::kUnwanted, status.reason());
    if (!table.problem.empty()) return leave(TableResult::kFailed, table.problem);
    if (!table.later.empty()) return leave(TableResult::kOk, table.later);
    const bool suspect = !can_compare_ && state_.IsSuspect(table.schema.name);
    if (absl::Status taken = TakeOver(table.schema, status); !taken.ok()) {
      return leave(TableResult::kFailed, std::string(taken.message()));
    }
    absl::StatusOr<Decision> decision =
        Decide(history_, reader_, table.schema, status, AskedFor(table.schema.name) || suspect);
    if (!decision.ok()) return leave(TableResult::kFailed, std::string(decision.status().message()));
    const bool new_there = status.action() == v1::TABLE_ACTION_CREATED || status.row_count() == 0;
    if (decision->kind == Decision::Kind::kPopulate && table.unreadable && !new_there &&
        !AskedFor(table.schema.name)) {
      return leave(
          TableResult::kFailed,
          absl::StrCat("all of its rows would be sent (", decision->words,
                       "), and those that cannot be read now would vanish from the mirror. Nothing of it "
                       "was sent: mend them, or send it as it is with --repopulate"));
    }
    const auto repair = repairs_.find(table.schema.name);
    if (repair != repairs_.end()) decision = WithRepair(*std::move(decision), table.schema, repair->second);
    report.reason = decision->words;
    if (decision->kind == Decision::Kind::kNothing) {
      report.result = TableResult::kOk;
      return;
    }
    report.action = decision->kind == Decision::Kind::kPopulate ? "populate" : "changes";
    report.result = TableResult::kFailed;  // Until its commit is acknowledged.
    Job& job = jobs_.emplace_back();
    job.index = index;
    job.decision = *std::move(decision);
    job.schema = table.schema;
    job.closed_later = !table.schema.Key().empty() && history_.NamesRows(table.schema.name) &&
                       history_.FollowsReading(table.schema.name);
    job.status = status;
    job.whole_rows = whole_rows_.count(table.schema.name) > 0;
    job.logged = history_.NamesRows(table.schema.name);
    job.count_all = options_.now_ms > 0 &&
                    state_.ShallCount(table.schema.name, options_.now_ms, options_.count_interval_ms);
    if (repair != repairs_.end() && job.decision.kind == Decision::Kind::kChanges) {
      job.repair = std::move(repair->second.keys);
    }
  }

  /// Makes the history go on where another form of it stopped (another strategy, other columns), so that the
  /// table need not be sent again: what changed between the two a comparison finds. A staged table is taken
  /// over each time.
  absl::Status TakeOver(const TableSchema& table, const v1::TableStatus& status) {
    const bool staged = RuleOf(table.name).staged && history_.SeesChanges(table.name);
    const Position position = DecodePosition(status.position());
    // What the mirror hashes or masks no comparison sees.
    const bool sees_all = ComparedColumns(table, status).size() == WantedColumns(table, status).size();
    if (!can_compare_ || table.Key().empty() || position.lsn.value < 0 || status.has_pending() ||
        KeyIsHashed(table, status) || status.action() == v1::TABLE_ACTION_REPOPULATE ||
        AskedFor(table.name) || repairs_.count(table.name) > 0) {
      return absl::OkStatus();
    }
    const std::string form = history_.FormOf(table.name);
    const RunState::Confirmed* const confirmed = state_.FindConfirmed(table.name);
    const std::string former = confirmed == nullptr ? form : confirmed->form;
    // Rows that the mirror alone has would go with a population because the source's memory was lost.
    const bool one_sided = !history_.WhyNotEqual(table.name).empty();
    if (!staged && !one_sided && former == form) return absl::OkStatus();
    // Where nobody can tell which rows the mirror should have, what changed is not found by a comparison.
    if (absl::IsFailedPrecondition(reader_.Digests(table.name, table.Key()).status()))
      return absl::OkStatus();
    const absl::StatusOr<Standing> standing = history_.Judge(table.name, position);
    if (!standing.ok()) return standing.status();
    const bool keeps =
        one_sided && KeepsRows(former, form) && state_.IsTakenOver(table.name) != RunState::TakenOver::kYes;
    const RunState::TakenOver taken_over = keeps ? RunState::TakenOver::kKeeps : RunState::TakenOver::kYes;
    if (*standing == Standing::kKnown && !staged) return absl::OkStatus();
    if (*standing == Standing::kKnown && (!sees_all || history_.FollowsReading(table.name))) {
      state_.SetTakenOver(table.name, taken_over);
      return state_.Save();
    }
    const bool confirmed_there = confirmed != nullptr && confirmed->position == position;
    const absl::StatusOr<bool> sent = history_.Sent(table.name, position);
    if (!sent.ok()) return sent.status();
    if (!sees_all || (!staged && !confirmed_there && !*sent)) return absl::OkStatus();
    // Known to be due before the history forgets what else it knows.
    state_.SetTakenOver(table.name, taken_over);
    if (absl::Status saved = state_.Save(); !saved.ok()) return saved;
    const absl::StatusOr<bool> adopted = history_.Adopt(table.name, position);
    if (!adopted.ok()) return adopted.status();
    if (!*adopted) state_.SetTakenOver(table.name, RunState::TakenOver::kNo);
    return absl::OkStatus();
  }

  /// Whether rows that the mirror alone has may be of a time before: neither strategy sends deletes. With
  /// another filter they are what the configuration took out.
  static bool KeepsRows(const std::string& former, const std::string& form) {
    const auto strategy = [](const std::string& one) { return one.substr(0, one.find(' ')); };
    const auto rows = [](const std::string& one) { return one.substr(one.rfind(' ') + 1); };
    const auto keeps = [&](const std::string& one) {
      return strategy(one) == "watermark" || strategy(one) == "window";
    };
    return rows(former) == rows(form) && keeps(former) && keeps(form);
  }

  /// A population brings everything; else the rows that differ go along with what changed.
  Decision WithRepair(Decision decision, const TableSchema& table, const Differences& differences) {
    if (decision.kind == Decision::Kind::kPopulate) return decision;
    // Where the log does not name rows, only a population is of one moment.
    const bool unnamed = history_.SeesChanges(table.name) && !history_.NamesRows(table.name);
    const std::string found = differences.Count() == 0
                                  ? "rows of it changed while it was compared, and are sent whole"
                                  : absl::StrCat("compared with the source, ", InWords(differences));
    if (differences.beyond_repair || unnamed) {
      return {Decision::Kind::kPopulate, PopulateReason::kRequested, found};
    }
    return {Decision::Kind::kChanges, PopulateReason::kNone, found};
  }

  static std::string InWords(const Differences& found) {
    return absl::StrCat(found.beyond_repair ? "at least " : "", found.Count(),
                        found.Count() == 1 ? " row differed (" : " rows differed (", found.lost,
                        " missing in the mirror, ", found.changed, " otherwise, ", found.ghosts,
                        " only in the mirror)");
  }

  // --- Comparison by digests ---

  bool ShallCompare(std::size_t index) const {
    const std::string& table = schema_.tables[index].schema.name;
    if (!again_.empty() && again_.count(table) == 0) return false;
    if (options_.verify == CycleOptions::Verify::kAll || statuses_[index].verify_wanted() ||
        state_.IsTakenOver(table) != RunState::TakenOver::kNo || state_.IsSuspect(table) ||
        repairs_.count(table) > 0) {
      return true;
    }
    return options_.verify == CycleOptions::Verify::kSome &&
           std::any_of(options_.verify_tables.begin(), options_.verify_tables.end(),
                       [&table](const std::string& name) { return SameName(name, table); });
  }

  bool ComparesAny() const {
    for (std::size_t i = 0; i < schema_.tables.size(); ++i) {
      if (ShallCompare(i)) return true;
    }
    return false;
  }

  /// Errors: what ends the cycle. What is wrong with one table is in its report.
  absl::Status CompareTables() {
    compared_.clear();
    for (std::size_t i = 0; i < schema_.tables.size(); ++i) {
      if (!ShallCompare(i)) continue;
      const TableSchema& table = schema_.tables[i].schema;
      TableReport& report = ReportOf(table.name);
      const auto unknown = [&report](const std::string& because) {
        report.equality = TableReport::Equality::kUnknown;
        report.unknown_because = because;
      };
      const RunState::TakenOver taken_over = state_.IsTakenOver(table.name);
      if (!can_compare_) {
        unknown("the endpoint cannot compare by digests");
        if (taken_over != RunState::TakenOver::kNo && report.result == TableResult::kOk) {
          report.result = TableResult::kFailed;
          report.reason =
              "another strategy went on with it, and this endpoint cannot be asked what changed in between; "
              "send it with --repopulate";
        }
        continue;
      }
      const std::string why = history_.WhyNotEqual(table.name);
      if (!why.empty() && taken_over == RunState::TakenOver::kNo) {
        unknown(why);
        report.equality = TableReport::Equality::kNotMeant;
        continue;
      }
      if (report.result != TableResult::kOk || !schema_.tables[i].later.empty()) {
        unknown(report.reason);
        continue;
      }
      const absl::StatusOr<Position> position = PositionOf(i);
      if (!position.ok()) {
        unknown(std::string(position.status().message()));
        continue;
      }
      const std::vector<std::uint32_t> columns = ComparedColumns(table, statuses_[i]);
      if (KeyIsHashed(table, statuses_[i])) {
        unknown(
            "its key is hashed at the mirror, so that only its number of rows is compared, when it changed");
        continue;
      }
      Verifier verifier(reader_, client_, history_, report_.cycle, limits_);
      if (options_.progress) {
        // The mirror's number is near enough to say how far it is.
        const auto rows = static_cast<std::uint64_t>(std::max<std::int64_t>(0, statuses_[i].row_count()));
        verifier.set_progress([this, &table, rows](std::uint64_t done) {
          options_.progress({"comparing", table.name, done, rows});
        });
      }
      const bool keeps = taken_over == RunState::TakenOver::kKeeps;
      absl::StatusOr<Differences> found = verifier.Compare(
          table, columns, *position, keeps ? Verifier::Ghosts::kLeave : Verifier::Ghosts::kCount);
      if (absl::IsUnavailable(found.status()) || absl::IsUnauthenticated(found.status()) ||
          absl::IsDeadlineExceeded(found.status())) {
        return found.status();
      }
      if (!found.ok()) {
        unknown(std::string(found.status().message()));
        const bool settles = absl::IsAborted(found.status()) || absl::IsFailedPrecondition(found.status());
        if (settles) compare_again_.insert(table.name);
        const bool due = taken_over != RunState::TakenOver::kNo || state_.IsSuspect(table.name);
        if (!settles || due) {
          // What nobody could look at is not well.
          report.result = TableResult::kFailed;
          report.reason =
              absl::StrCat("it could not be compared with the mirror, ",
                           due ? "which may lack changes: " : "as was due: ", found.status().message(),
                           ". The next run compares it");
        }
        continue;
      }
      Conclude(table.name, *position, *std::move(found), &report);
      if (taken_over != RunState::TakenOver::kNo && !why.empty()) {
        // It is not to be equal for longer than this.
        compared_.erase(table.name);
        if (report.equality == TableReport::Equality::kEqual) unknown(why);
      }
      if (options_.stop != nullptr && *options_.stop) break;
    }
    return absl::OkStatus();
  }

  /// Where the mirror stands by now.
  absl::StatusOr<Position> PositionOf(std::size_t index) const {
    for (const Job& job : jobs_) {
      if (job.index == index) return job.sent;
    }
    const v1::TableStatus& status = statuses_[index];
    if (status.position().lsn() >= 0 && !status.has_pending()) return DecodePosition(status.position());
    return absl::FailedPreconditionError("the mirror holds no state of it that could be compared");
  }

  static void ShowKeys(const Differences& found, TableReport* report) {
    const auto words = [](const std::vector<Key>& keys, std::vector<std::string>* shown) {
      shown->clear();
      for (const Key& key : keys) shown->push_back(KeyText(key));
    };
    words(found.lost_keys, &report->lost_keys);
    words(found.changed_keys, &report->changed_keys);
    words(found.ghost_keys, &report->ghost_keys);
  }

  void Conclude(const std::string& table, const Position& position, Differences found, TableReport* report) {
    report->unknown_because.clear();
    report->compared = found.rows;
    if (repairs_.count(table) > 0 && found.equal()) {
      report->repaired = report->lost + report->changed + report->ghosts;
    }
    report->equality = found.equal() ? TableReport::Equality::kEqual : TableReport::Equality::kDiffers;
    report->lost = found.lost;
    report->changed = found.changed;
    report->ghosts = found.ghosts;
    if (!found.equal()) ShowKeys(found, report);
    const bool mends = options_.repair || state_.IsTakenOver(table) != RunState::TakenOver::kNo;
    if (found.equal() && !found.unsettled.empty() && mends && resent_.insert(table).second) {
      // They are sent whole along with what changed; then what is left to differ shows.
      report->equality = TableReport::Equality::kUnknown;
      report->unknown_because = "rows of it changed while it was compared";
      found.keys = std::move(found.unsettled);
      differ_[table] = std::move(found);
      return;
    }
    compared_[table] = {position,
                        found.beyond_repair ? std::max<std::uint64_t>(found.Count(), 1) : found.Count()};
    if (found.equal()) {
      report->result = TableResult::kOk;
      state_.SetSuspect(table, false);
      state_.SetTakenOver(table, RunState::TakenOver::kNo);
      return;
    }
    if (found.beyond_repair && state_.IsTakenOver(table) == RunState::TakenOver::kKeeps) {
      report->result = TableResult::kFailed;
      report->reason =
          "too much of it differs to be sent by rows, and a population would take away rows that its "
          "strategy "
          "leaves in the mirror. Nothing was sent; where that may be, send it with --repopulate";
      return;
    }
    // Until it is found equal, every run compares it.
    state_.SetSuspect(table, options_.repair);
    report->result = TableResult::kFailed;
    report->reason = absl::StrCat("compared with the source, ", InWords(found),
                                  "; 'mirror-agent verify --repair' sends them");
    differ_[table] = std::move(found);
  }

  bool AskedFor(const std::string& table) const {
    return options_.repopulate_all ||
           std::any_of(options_.repopulate.begin(), options_.repopulate.end(),
                       [&table](const std::string& name) { return SameName(name, table); });
  }

  /// Makes the targets durable before a row is read.
  absl::Status Remember() {
    std::vector<std::string> names;
    for (const SourceTable& table : schema_.tables) {
      names.push_back(table.schema.name);
      state_.SetRecord(table.schema.name, table.record);
    }
    state_.Retain(names);
    if (absl::Status status = state_.Save(); !status.ok()) return status;
    if (jobs_.empty()) return absl::OkStatus();
    std::int64_t highest = 0;
    for (const v1::TableStatus& status : statuses_) {
      highest = std::max({highest, status.position().lsn(), status.pending().lsn()});
    }
    std::vector<std::string> sending;
    for (const Job& job : jobs_) sending.push_back(job.schema.name);
    const auto targets = history_.Begin(sending, highest);
    if (!targets.ok()) return targets.status();
    for (Job& job : jobs_) job.target = targets->at(job.schema.name);
    return absl::OkStatus();
  }

  absl::Status SendJobs() {
    if (jobs_.empty()) return absl::OkStatus();
    SenderOptions options{options_.batch_bytes, options_.window, options_.read_ahead, {},
                          receipts_.on(),       options_.stop,   options_.staging};
    // What is compared with the mirror is what was sent.
    options.leaves_moment = !ComparesAny();
    if (options_.progress) {
      options.progress = [this](const Job& job) {
        options_.progress(
            {"sending", job.schema.name, job.inserts + job.updates + job.deletes, job.expected});
      };
    }
    RowSender sender(reader_, client_, report_.cycle, limits_, std::move(options));
    return sender.Send(jobs_);
  }

  void FinishReports(const absl::Status& status) {
    for (const Job& job : jobs_) {
      TableReport& report = ReportOf(job.schema.name);
      for (const std::string& note : job.notes) AddNote(note);
      if (job.lsn >= 0) report.lsn = job.lsn;
      if (job.committed) {
        report.result = TableResult::kOk;
        // A comparison, or a source that moved, has a table sent more than once in a run.
        report.inserts += job.inserts;
        report.updates += job.updates;
        report.deletes += job.deletes;
        continue;
      }
      report.result = job.held ? TableResult::kHeld : TableResult::kFailed;
      if (!job.error.ok()) {
        report.reason = std::string(job.error.message());
      } else {
        report.reason =
            status.ok() ? "the endpoint did not acknowledge its commit" : std::string(kCycleEndedFirst);
      }
    }
  }

  /// Keeps what the mirror says that it applied. What is not what was sent is to be looked at.
  void TakeReceipts() {
    if (!receipts_.on()) return;
    for (const Job& job : jobs_) {
      if (!job.committed) continue;
      const std::string wrong = receipts_.Take(job, report_.cycle, client_.context_id());
      if (wrong.empty()) continue;
      AddNote(wrong);
      TableReport& report = ReportOf(job.schema.name);
      report.result = TableResult::kFailed;
      report.reason = "its receipt is not of what was sent";
      state_.SetSuspect(job.schema.name, true);
      distrusted_.insert(job.schema.name);
      if (can_compare_) compare_again_.insert(job.schema.name);
    }
    if (!distrusted_.empty()) {
      // Also when the cycle's end does not arrive.
      if (absl::Status saved = state_.Save(); !saved.ok()) AddNote(std::string(saved.message()));
    }
    AddNote(receipts_.Save());
  }

  /// ReplicationCompleted, unless `status` says that it cannot arrive or that the cycle is not ours any more.
  absl::Status Complete(const absl::Status& status) {
    if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) return absl::OkStatus();
    if (absl::IsAborted(status)) return lock_.End();
    v1::ReplicationCompletedRequest request;
    request.set_cycle(report_.cycle);
    for (const Job& job : jobs_) {
      if (!job.committed) continue;
      v1::TableSummary* summary = request.add_tables();
      summary->set_table(job.schema.name);
      summary->set_inserts(job.inserts);
      summary->set_updates(job.updates);
      summary->set_deletes(job.deletes);
      if (job.row_count && compared_.count(job.schema.name) == 0) summary->set_row_count(*job.row_count);
      if (job.row_count && options_.now_ms > 0) state_.SetCounted(job.schema.name, options_.now_ms);
    }
    AddCompared(&request);
    if (status.ok()) AddTimes(&request);
    const absl::StatusOr<v1::ReplicationCompletedResponse> response = client_.ReplicationCompleted(request);
    if (!response.ok()) {
      if (absl::IsAborted(response.status())) (void)lock_.End();
      return response.status();
    }
    CrashPoint("agent.completed");
    if (absl::Status checked = CheckVerdicts(request, *response); !checked.ok()) {
      (void)lock_.End();  // The cycle is over all the same.
      return checked;
    }
    AddNote(receipts_.End(response->signed_receipts(), client_));
    for (const v1::TableVerdict& verdict : response->tables()) {
      if (compared_.count(verdict.table()) > 0) continue;
      // Who could not be compared by digests is not cleared by a count, nor by none.
      const bool equal = verdict.comparison() == v1::COMPARISON_EQUAL;
      if (equal && compare_again_.count(verdict.table()) == 0 && distrusted_.count(verdict.table()) == 0) {
        state_.SetSuspect(verdict.table(), false);
      }
      if (verdict.comparison() != v1::COMPARISON_DIFFERS) continue;
      state_.SetSuspect(verdict.table(), true);
      if (can_compare_) compare_again_.insert(verdict.table());
      TableReport& report = ReportOf(verdict.table());
      report.result = TableResult::kFailed;
      report.reason =
          absl::StrCat(verdict.reason(), ". What was sent is committed; the next run ",
                       can_compare_ ? "compares the table and mends it" : "sends the table whole");
    }
    const std::map<std::string, Position> durable = Durable();
    for (const auto& [table, position] : durable) {
      // Of one that was not looked at the form is still that of before.
      const SourceTable* const source = FindTable(table);
      if (source == nullptr || !source->problem.empty() || !source->later.empty()) continue;
      state_.SetConfirmed(table, position, history_.FormOf(table));
    }
    if (absl::Status saved = state_.Save(); !saved.ok()) return saved;
    if (absl::Status kept = history_.Forget(durable); !kept.ok()) {
      AddNote(absl::StrCat("old entries of the change log could not be removed: ", kept.message()));
    }
    CrashPoint("agent.forgot");
    return lock_.End();
  }

  /// As of when the tables are. Of those that are sent in a later cycle of the run, too: it was no earlier.
  void AddTimes(v1::ReplicationCompletedRequest* request) {
    request->set_source_time_ms(looked_ms_);
    std::set<std::string> committed;
    for (const Job& job : jobs_) {
      if (job.committed) committed.insert(job.schema.name);
    }
    for (const SourceTable& table : schema_.tables) {
      // Of some nobody knows whether one that was not sent changed.
      const bool looked_at = history_.SeesChanges(table.schema.name) || committed.contains(table.schema.name);
      if (!looked_at || !table.later.empty() || ReportOf(table.schema.name).result != TableResult::kOk) {
        request->add_stale_tables(table.schema.name);
      }
    }
  }

  void AddCompared(v1::ReplicationCompletedRequest* request) const {
    for (const auto& [table, compared] : compared_) {
      v1::TableSummary* summary = nullptr;
      for (v1::TableSummary& known : *request->mutable_tables()) {
        if (known.table() == table) summary = &known;
      }
      if (summary == nullptr) summary = request->add_tables();
      summary->set_table(table);
      summary->set_rows_differ(compared.rows_differ);
      EncodePosition(compared.position, summary->mutable_position());
    }
  }

  /// All that the mirror showed or acknowledged is on its disk now.
  std::map<std::string, Position> Durable() const {
    std::map<std::string, Position> durable;
    for (std::size_t i = 0; i < statuses_.size(); ++i) {
      const Position position = DecodePosition(statuses_[i].position());
      if (position.lsn.value >= 0) durable[schema_.tables[i].schema.name] = position;
    }
    for (const Job& job : jobs_) {
      if (job.committed) durable[job.schema.name] = job.sent;
    }
    return durable;
  }

  SourceReader& reader_;
  MirrorClient& client_;
  LockFile& lock_;
  RunState& state_;
  History& history_;
  const CycleOptions& options_;

  CycleReceipts receipts_;

  CycleReport report_;
  SourceSchema schema_;
  std::int64_t looked_ms_ = 0;        ///< Unix time before the tables were first looked at.
  std::set<std::string> again_;       ///< Empty in the first cycle: all tables.
  std::set<std::string> whole_rows_;  ///< Tables of which the mirror lacks rows.
  v1::Limits limits_;
  std::vector<v1::TableStatus> statuses_;  ///< One for each of schema_.tables; none: not announced yet.
  std::map<std::string, std::size_t> report_at_;  ///< By folded name.
  std::vector<Job> jobs_;

  struct Compared {
    Position position;
    std::uint64_t rows_differ = 0;
  };
  bool can_compare_ = false;                    ///< The endpoint answers DigestRanges.
  std::map<std::string, Compared> compared_;    ///< In this cycle.
  std::map<std::string, Differences> differ_;   ///< Found in this cycle.
  std::map<std::string, Differences> repairs_;  ///< Found in the former one, to be mended.
  std::set<std::string> resent_;                ///< Whose rows that changed meanwhile were sent whole once.
  std::set<std::string> compare_again_;         ///< Could not be compared in this cycle.
  std::set<std::string> distrusted_;            ///< Had a receipt that was not of what was sent.
};

}  // namespace

std::string_view ToString(TableResult result) {
  switch (result) {
    case TableResult::kOk:
      return "ok";
    case TableResult::kUnwanted:
      return "unwanted";
    case TableResult::kBlocked:
      return "blocked";
    case TableResult::kRefused:
      return "refused";
    case TableResult::kHeld:
      return "held";
    case TableResult::kFailed:
      return "failed";
  }
  return "";
}

std::string_view ToString(TableReport::Equality equality) {
  switch (equality) {
    case TableReport::Equality::kNone:
      return "none";
    case TableReport::Equality::kEqual:
      return "equal";
    case TableReport::Equality::kDiffers:
      return "differs";
    case TableReport::Equality::kUnknown:
      return "unknown";
    case TableReport::Equality::kNotMeant:
      return "not meant to be";
  }
  return "";
}

std::string_view ToString(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kBusy:
      return "busy";
    case Outcome::kDoNotReplicate:
      return "do_not_replicate";
    case Outcome::kStopped:
      return "stopped";
    case Outcome::kFailed:
      return "failed";
  }
  return "";
}

bool CycleReport::Good() const {
  if (outcome == Outcome::kDoNotReplicate) return true;
  return outcome == Outcome::kDone && !tables_held &&
         std::all_of(tables.begin(), tables.end(),
                     [](const TableReport& table) { return table.result <= TableResult::kBlocked; });
}

CycleReport RunOnce(const CycleParts& parts, const CycleOptions& options) { return Run(parts, options).Do(); }

}  // namespace mirror
