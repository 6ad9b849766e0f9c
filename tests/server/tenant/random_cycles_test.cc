// Random cycles of a source against the tenants of a server, without the network: after every call the mirror
// must hold what the model says, and after every cycle what the source held when its rows were read.
//
// MIRROR_TEST_SEED=n repeats a run; a failure names the seed of its round, and MIRROR_TEST_ROUNDS=1 with that
// seed repeats the round alone.

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "proto/wire/codec.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/sqlite_home.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"
#include "tests/support/cycle_model.h"
#include "tests/support/rows.h"

namespace mirror::model {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTraceMax = 60;
/// Far ahead of any clock, so that the server's own clock never counts.
constexpr std::int64_t kStartMs = 4'102'444'800'000;

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The call told that the cycle is over.
struct CycleOver {};

void Require(bool holds, const std::string& what) {
  if (!holds) throw Failure(what);
}

/// Events are not looked at here.
class NoCatalog final : public Catalog {
 public:
  absl::StatusOr<EventRecord> AddEvent(EventRecord event) override { return event; }
  absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter&, std::uint64_t,
                                                      std::uint32_t) override {
    return std::vector<EventRecord>();
  }
  absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string&, std::uint64_t,
                                                       std::uint32_t) override {
    return std::vector<EventRecord>();
  }
};

/// The mirror file as its owner opens it.
class Owner {
 public:
  explicit Owner(std::string path) : path_(std::move(path)) {}
  ~Owner() { Close(); }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  void Close() {
    sqlite3_close(db_);
    db_ = nullptr;
  }

  using Rows = std::vector<std::vector<std::string>>;
  /// Each value as Stored() writes it.
  Rows Query(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(Db(), sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
      throw Failure(absl::StrCat("the owner's \"", Printable(sql), "\": ", sqlite3_errmsg(Db())));
    }
    Rows rows;
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      rows.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) rows.back().push_back(Value(statement, i));
    }
    const std::string message = sqlite3_errmsg(Db());
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE) throw Failure(absl::StrCat("the owner's \"", Printable(sql), "\": ", message));
    return rows;
  }

  /// Makes a copy of the whole file.
  void CopyTo(const std::string& path) {
    sqlite3* copy = nullptr;
    sqlite3_open(path.c_str(), &copy);
    sqlite3_backup* const backup = sqlite3_backup_init(copy, "main", Db(), "main");
    Require(backup != nullptr, "a copy of the mirror cannot be made");
    const int code = sqlite3_backup_step(backup, -1);
    sqlite3_backup_finish(backup);
    sqlite3_close(copy);
    Require(code == SQLITE_DONE, absl::StrCat("a copy of the mirror: SQLite ", code));
  }

 private:
  sqlite3* Db() {
    if (db_ == nullptr) {
      Require(sqlite3_open_v2(path_.c_str(), &db_, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK,
              absl::StrCat("the owner cannot open ", path_));
      sqlite3_busy_timeout(db_, 5'000);
    }
    return db_;
  }

  static std::string Value(sqlite3_stmt* statement, int i) {
    switch (sqlite3_column_type(statement, i)) {
      case SQLITE_NULL:
        return "N";
      case SQLITE_INTEGER:
        return absl::StrCat("I", sqlite3_column_int64(statement, i));
      case SQLITE_FLOAT:
        return Stored(Column{.type = Type::kDouble},
                      {.kind = Kind::kReal, .real = sqlite3_column_double(statement, i)});
      default: {
        const bool text = sqlite3_column_type(statement, i) == SQLITE_TEXT;
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, i));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
        return (text ? "T" : "B") + (bytes == nullptr ? std::string() : std::string(bytes, size));
      }
    }
  }

  std::string path_;
  sqlite3* db_ = nullptr;
};

/// A folder in memory where there is one: thousands of commits wait for the disk otherwise.
class Folder {
 public:
  Folder() {
    const fs::path base = access("/dev/shm", W_OK) == 0 ? fs::path("/dev/shm") : fs::temp_directory_path();
    std::string name = (base / "mirror-cycles-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw Failure("no folder can be made in " + base.string());
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Counts {
  std::uint64_t cycles = 0, completed = 0, requests = 0, populations = 0, increments = 0, refusals = 0,
                alterations = 0, disturbances = 0, built = 0;
};

/// The server, the clock, and what was done last.
class World {
 public:
  World(Dice& dice, Counts& counts)
      : dice_(dice),
        counts_(counts),
        open_max_(1 + dice.Below(2)),
        apply_(dice.OneIn(2) ? ApplyMethod::kSet : ApplyMethod::kBindLoop),
        build_beside_(!dice.OneIn(3)),
        events_(catalog_) {
    Start();
  }

  void Start() {
    SqliteOptions sqlite;
    sqlite.apply = apply_;
    sqlite.build_beside = build_beside_;
    absl::StatusOr<std::unique_ptr<StoreHome>> home = OpenSqliteHome(folder_.path(), sqlite);
    Require(home.ok(), std::string(home.status().message()));
    home_ = *std::move(home);
    TenantsOptions options;
    options.open_max = open_max_;
    options.tenant.gap_wait_ms = 0;
    options.tenant.steady_now = [] { return std::chrono::steady_clock::time_point(); };
    absl::StatusOr<std::unique_ptr<Tenants>> tenants = Tenants::Open(*home_, options, events_);
    Require(tenants.ok(), std::string(tenants.status().message()));
    tenants_ = *std::move(tenants);
  }
  void Stop() {
    tenants_.reset();
    home_.reset();
  }

  Tenants& tenants() { return *tenants_; }
  Dice& dice() { return dice_; }
  Counts& counts() { return counts_; }
  std::int64_t Now() { return now_ms_ += static_cast<std::int64_t>(dice_.Below(1'500)); }
  void Wait(std::int64_t ms) { now_ms_ += ms; }
  std::int64_t now_ms() const { return now_ms_; }

  void Trace(std::string line) {
    if (trace_.size() == kTraceMax) trace_.pop_front();
    trace_.push_back(std::move(line));
  }
  std::string LastSteps() const {
    std::string text;
    for (const std::string& line : trace_) absl::StrAppend(&text, "  ", Printable(line), "\n");
    return text;
  }

 private:
  Dice& dice_;
  Counts& counts_;
  const std::size_t open_max_;
  const ApplyMethod apply_;
  const bool build_beside_;
  Folder folder_;
  NoCatalog catalog_;
  Events events_;
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Tenants> tenants_;
  std::int64_t now_ms_ = kStartMs;
  std::deque<std::string> trace_;
};

struct OutPart {
  std::string table;
  std::uint64_t value_id = 0;
  std::uint64_t offset = 0;
  std::string data;
};

struct Request {
  std::vector<OutPart> parts;
  std::vector<OutBatch> batches;
  Position advance_to;
  std::vector<std::pair<std::string, Lsn>> advance;
};

/// What a cycle means to do with one table.
struct Job {
  std::string name, key;  ///< As announced, and folded.
  std::vector<OutBatch> batches;
  std::size_t next = 0;
  bool failed = false;
  Position commit;
  StoredRows rows;  ///< Of the source, at the commit.
  std::optional<Lsn> advance_base;
  bool done() const { return failed || next == batches.size(); }
};

/// One tenant: its source, the source's agent, its mirror's owner, and the model of the mirror.
class Play {
 public:
  Play(World& world, std::string context_id)
      : world_(world),
        dice_(world.dice()),
        context_id_(std::move(context_id)),
        owner_(world.tenants().home().Location(context_id_)),
        source_(world.dice()) {}

  void Step() {
    const std::uint64_t changes = dice_.Below(4);
    for (std::uint64_t i = 0; i < changes; ++i) source_.ChangeRows(dice_);
    while (dice_.OneIn(3)) source_.ChangeSchema(dice_);
    if (dice_.OneIn(5)) Disturb(false);
    if (dice_.OneIn(15)) Wreck();
    ++world_.counts().cycles;
    history_.clear();
    try {
      Cycle();
    } catch (const CycleOver&) {
      Trace("the cycle is over");
    }
    Check();
    CheckPartner();
    if (made_ && owner_has_file_ && dice_.OneIn(20)) {
      const absl::Status whole = tenant()->CheckIntegrity();
      Require(whole.ok(), "integrity: " + std::string(whole.message()));
      Noticed();
    }
  }

  /// Makes this tenant the one that was used last.
  void Touch() {
    if (!made_ || !owner_has_file_) return;
    absl::StatusOr<std::shared_ptr<Tenant>> found = world_.tenants().Find(context_id_);
    Require(found.ok(), "the tenant is gone");
    const absl::StatusOr<TenantInfo> info = (*found)->Info();
    Require(info.ok() && info->quarantine.empty(),
            absl::StrCat("Info: ", info.status().ToString(), " ", info.ok() ? info->quarantine : ""));
    Noticed();
  }
  void set_other(Play* other) { other_ = other; }

 private:
  void Trace(const std::string& line) { world_.Trace(absl::StrCat(context_id_, ": ", line)); }

  Caller CallerNow() {
    return {.context_id = context_id_,
            .issuer = "issuer",
            .environment = "test",
            .application_id = "application",
            .nonce = absl::StrCat("nonce", ++nonces_),
            .expires_ms = world_.now_ms() + 420'000};
  }

  /// A mirror has its file from the end of its first cycle on.
  bool OwnerSees() const { return made_ && owner_has_file_ && !replaced_ && !building_; }
  bool FileIsThere() const { return fs::exists(world_.tenants().home().Location(context_id_)); }

  void EndCycle() {
    model_.EndCycle();
    building_ = false;
    Require(FileIsThere(), "with the end of its cycle a mirror has its file");
  }

  std::shared_ptr<Tenant> tenant() {
    absl::StatusOr<std::shared_ptr<Tenant>> found =
        owner_has_file_ ? world_.tenants().Find(CallerNow()) : world_.tenants().FindOrTakeIn(CallerNow());
    Require(found.ok(), "Find: " + std::string(found.status().message()));
    return *found;
  }

  // --- The agent's cycle ---

  void Cycle() {
    if (!Authenticate()) return;
    std::vector<Job> jobs = Announce();
    if (!Send(jobs)) {
      Trace("the agent dies");
      return;
    }
    Complete(jobs);
  }

  bool Authenticate() {
    if (made_ && dice_.OneIn(10)) {
      Trace("probe");
      absl::StatusOr<Admission> probe = tenant()->Authenticate(CallerNow(), "", false, true, world_.Now());
      Require(owner_has_file_ ? probe.ok() && !probe->accepted : !probe.ok(), "a probe begins no cycle");
      Noticed();
      Check();
    }
    for (int attempt = 0;; ++attempt) {
      // Somebody else's cycle may be running in an older copy of the mirror.
      if (attempt == 4) world_.Wait(700'000);
      const bool stranger = attempt < 4 && dice_.OneIn(10);
      const bool take_over = !stranger && (holder_.empty() || dice_.OneIn(2));
      if (holder_.empty()) holder_ = absl::StrCat("holder", ++nonces_);
      const std::string holder = stranger ? "somebody else" : holder_;
      Caller caller = CallerNow();
      absl::StatusOr<Admission> admission =
          tenant()->Authenticate(caller, holder, take_over, false, world_.Now());
      Noticed();
      if (!owner_has_file_ || !made_) model_ = MirrorModel();
      made_ = owner_has_file_ = true;
      Require(admission.ok(), "Authenticate: " + admission.status().ToString());
      const bool idle = Idle();
      Trace(absl::StrCat("Authenticate as ", holder, take_over ? ", take over" : "", ": ",
                         admission->accepted           ? absl::StrCat("cycle ", admission->cycle)
                         : admission->do_not_replicate ? "do not replicate"
                                                       : "busy"));
      Require(admission->do_not_replicate == model_.paused, "paused means: do not replicate");
      if (model_.paused) {
        Check();
        Trace("resume");
        Require(tenant()->Resume(world_.Now()).ok(), "Resume");
        EndCycle();
        model_.paused = false;
        Check();
        continue;
      }
      const bool busy = model_.active && !idle && !(take_over && model_.holder == holder);
      Require(admission->busy.has_value() == busy && admission->accepted == !busy,
              absl::StrCat("a running cycle is busy: ", busy, ", was ", admission->busy.has_value()));
      if (!busy) {
        Require(admission->cycle > model_.cycle, "a cycle's number is greater than those before it");
        building_ = !FileIsThere();
        Require(!building_ || !model_.active, "a cycle ended and its mirror has no file");
        if (building_) ++world_.counts().built;
        model_.BeginCycle(admission->cycle);
        model_.holder = holder;
        cycle_ = admission->cycle;
        model_.progress_ms = world_.now_ms();
        served_ = true;
        unique_refused_ = false;
      }
      Check();
      if (dice_.OneIn(10)) {
        Require(!tenant()->Authenticate(caller, holder, true, false, world_.Now()).ok(),
                "a nonce counts once");
        Check();
      }
      if (busy) continue;
      if (!stranger) return true;
      // A stranger's cycle that dies at once: only time ends it.
      world_.Wait(700'000);
    }
  }

  /// What the server noted of a cycle counts for a copy from the middle of that cycle, too.
  bool Idle() const {
    const std::int64_t noted_ms = noted_cycle_ == model_.cycle ? noted_ms_ : 0;
    return world_.now_ms() - std::max(model_.progress_ms, noted_ms) > 600'000;
  }

  /// The call's status, as it must be while the agent's cycle runs or does not.
  void Expect(const absl::Status& status, const char* call) {
    const bool idle = Idle();
    if (owner_has_file_ && !replaced_ && model_.active && model_.cycle == cycle_) {
      if (idle) {
        Require(absl::IsAborted(status), absl::StrCat(call, " after 10 minutes: ", status.ToString()));
        EndCycle();
        throw CycleOver();
      }
      Require(status.ok(), absl::StrCat(call, ": ", status.ToString()));
      model_.progress_ms = noted_ms_ = world_.now_ms();
      noted_cycle_ = cycle_;
      served_ = true;
      return;
    }
    Noticed();
    Require(absl::IsAborted(status), absl::StrCat(call, " in a cycle that is over: ", status.ToString()));
    throw CycleOver();
  }

  /// The server has looked at its file: where another one stands, the running cycle is over.
  void Noticed() {
    if (replaced_ && owner_has_file_) EndCycle();
    replaced_ = false;
  }

  std::vector<AnnouncedTable> Listed(std::set<std::string>& malformed, std::string& digest) {
    std::vector<AnnouncedTable> listed;
    std::string bytes;
    for (const auto& [key, table] : source_.tables) {
      v1::Table message;
      EncodeTable(table.schema, &message);
      if (dice_.OneIn(40)) {
        message.mutable_columns(0)->set_name("");
        malformed.insert(key);
      }
      bytes += message.SerializeAsString();
      listed.push_back({message.name(), DecodeTable(message, WireLimits())});
      Require(listed.back().schema.ok() == !malformed.contains(key),
              "DecodeTable: " + listed.back().schema.status().ToString());
    }
    if (dice_.OneIn(20)) {
      TableSchema odd;
      odd.name = dice_.OneIn(2) ? "sqlite_x" : context_id_ + "_Mirroring";
      odd.columns.push_back(Column{.name = "a", .type = Type::kText});
      bytes += odd.name;
      malformed.insert(FoldName(odd.name));
      listed.push_back({odd.name, odd});
    }
    dice_.Shuffle(listed);
    digest = HexDigest(absl::StrCat(bytes, "/", dice_.Below(2)));
    return listed;
  }

  static absl::StatusOr<std::vector<TableAnswer>> Tables(absl::StatusOr<Announcement> answer) {
    if (!answer.ok()) return answer.status();
    return std::move(answer->tables);
  }

  std::vector<Job> Announce() {
    std::set<std::string> malformed;
    std::string digest;
    std::vector<AnnouncedTable> listed = Listed(malformed, digest);
    absl::StatusOr<std::vector<TableAnswer>> answers =
        Tables(tenant()->Announce(CallerNow(), cycle_, "source", digest, listed, world_.Now()));
    Expect(answers.status(), "TableSchema");
    TakeAnswers(listed, *answers, malformed, digest);
    Check();
    if (dice_.OneIn(6)) {
      const absl::StatusOr<std::vector<TableAnswer>> again =
          Tables(tenant()->Announce(CallerNow(), cycle_, "source", digest, listed, world_.Now()));
      Expect(again.status(), "TableSchema again");
      Require(again->size() == answers->size(), "the same answer twice");
      for (std::size_t i = 0; i < again->size(); ++i) {
        const TableAnswer &a = (*answers)[i], &b = (*again)[i];
        Require(a.table == b.table && a.wanted == b.wanted && a.action == b.action && a.reason == b.reason &&
                    a.position == b.position && a.pending == b.pending && a.schema_hash == b.schema_hash,
                "the same answer twice");
      }
      Check();
    }
    return Prepare(listed, *answers);
  }

  void TakeAnswers(const std::vector<AnnouncedTable>& listed, const std::vector<TableAnswer>& answers,
                   const std::set<std::string>& malformed, const std::string& digest) {
    Require(answers.size() == listed.size(), "an answer for each table");
    std::set<std::string> names;
    for (const AnnouncedTable& table : listed) names.insert(FoldName(table.name));
    for (const auto& [key, table] : std::map(model_.tables)) {
      if (!names.contains(key)) model_.Forget(key);
    }
    model_.announced = digest;
    model_.refused = malformed;
    for (std::size_t i = 0; i < listed.size(); ++i) {
      const TableAnswer& answer = answers[i];
      const std::string key = FoldName(listed[i].name);
      Require(answer.table == listed[i].name, "the answers' order");
      Trace(absl::StrCat("TableSchema '", answer.table, "': action ", static_cast<int>(answer.action), " ",
                         answer.reason, ", LSN ", answer.position.lsn.value,
                         answer.pending ? absl::StrCat(", pending ", answer.pending->lsn.value) : ""));
      if (malformed.contains(key)) {
        Require(answer.action == SchemaAction::kRefused && !answer.wanted, "a malformed table is refused");
        continue;
      }
      TakeAnswer(model_.tables[key], *listed[i].schema, answer);
      source_.schema_changes[key].clear();
      const MirrorTable& table = model_.tables[key];
      Require(answer.wanted && answer.position == table.position && answer.pending == table.pending,
              absl::StrCat("'", answer.table, "': the answer's position, LSN ", answer.position.lsn.value,
                           " instead of ", table.position.lsn.value));
      Require(answer.schema_hash == SchemaHash(*listed[i].schema), "the answer's hash");
    }
  }

  void TakeAnswer(MirrorTable& table, const TableSchema& announced, const TableAnswer& answer) {
    const std::string hash = SchemaHash(announced);
    const std::vector<SchemaChange>& changes = source_.schema_changes[FoldName(announced.name)];
    // The mirror has the definition that was announced last: what changed is what the source says.
    std::string& last_hash = announced_hash_[FoldName(announced.name)];
    const bool single = changes.size() == 1 && table.agreed && table.has_record &&
                        table.state == MirrorTable::kMirrored && table.visible == *table.agreed &&
                        table.hash == last_hash;
    switch (answer.action) {
      case SchemaAction::kCreated:
        Require(!table.agreed, "CREATED, and the table was there");
        table.rows.clear();
        table.counted = true;
        table.agreed = table.visible = announced;
        table.visible_known = true;
        table.position = {};
        table.pending.reset();
        table.state = MirrorTable::kMirrored;
        break;
      case SchemaAction::kUnchanged:
        Require(table.agreed && table.has_record && table.hash == hash, "UNCHANGED, and it did change");
        if (table.state != MirrorTable::kMirrored) {
          Require(table.state != MirrorTable::kRepopulate, "UNCHANGED, and its population is still to come");
          table.position = {};
          table.state = MirrorTable::kMirrored;
        }
        break;
      case SchemaAction::kAltered:
        Require(table.agreed && table.has_record && table.hash != hash, "ALTERED, and nothing changed");
        Require(!single || changes[0] != SchemaChange::kRepopulate, "this change is not made in place");
        ++world_.counts().alterations;
        model_.Alter(table, announced);
        table.agreed = announced;
        if (table.state != MirrorTable::kMirrored) {
          table.position = {};
          table.state = MirrorTable::kMirrored;
        }
        break;
      case SchemaAction::kRepopulate:
        Require(table.agreed.has_value(), "REPOPULATE, and there is no such table");
        if (single && changes[0] == SchemaChange::kInPlace && partner_.empty()) {
          throw Failure("this change is made in place: " + answer.reason);
        }
        if (!table.has_record) table.counted = false;
        table.agreed = announced;
        table.position = {};
        table.pending.reset();
        table.state = MirrorTable::kRepopulate;
        break;
      case SchemaAction::kHeld:
      case SchemaAction::kRefused:
        throw Failure("refused: " + answer.reason);
    }
    table.has_record = true;
    table.name = announced.name;
    table.hash = hash;
    last_hash = hash;
  }

  // --- What the agent sends ---

  std::vector<Job> Prepare(const std::vector<AnnouncedTable>& listed,
                           const std::vector<TableAnswer>& answers) {
    target_ = source_.Record(dice_);
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < listed.size(); ++i) {
      if (!answers[i].wanted) continue;
      Job job;
      job.name = listed[i].name;
      job.key = FoldName(job.name);
      PrepareTable(job, answers[i]);
      jobs.push_back(std::move(job));
    }
    return jobs;
  }

  PopulateReason WhyPopulate(const SourceTable& table, const TableAnswer& answer) {
    const Position& held = answer.position;
    if (held.lsn == Lsn{}) {
      return answer.action == SchemaAction::kRepopulate ? PopulateReason::kSchema : PopulateReason::kMinusOne;
    }
    if (held.lsn.value > source_.lsn) return PopulateReason::kAhead;
    if (!source_.Knows(held)) return PopulateReason::kLineageMiss;
    if (answer.pending && !source_.Knows(*answer.pending)) return PopulateReason::kPendingMiss;
    if (held.lsn.value < table.log_begins) return PopulateReason::kHistoryGone;
    if (!table.keyed() && (table.changed > held.lsn.value || answer.pending)) return PopulateReason::kKeyless;
    return dice_.OneIn(15) ? PopulateReason::kRequested : PopulateReason::kNone;
  }

  void PrepareTable(Job& job, const TableAnswer& answer) {
    SourceTable& table = source_.tables.at(job.key);
    const auto schema = std::make_shared<const TableSchema>(table.schema);
    const PopulateReason reason = WhyPopulate(table, answer);
    const auto add = [&](OutBatch batch) {
      batch.table = table.schema.name;
      batch.hash = answer.schema_hash;
      batch.schema = schema;
      batch.seq = job.batches.size() + 1;
      batch.base = reason == PopulateReason::kNone ? answer.position.lsn : Lsn{};
      batch.target = target_;
      if (batch.seq == 1) batch.populate = reason;
      job.batches.push_back(std::move(batch));
    };
    job.commit = target_;
    if (reason == PopulateReason::kNone) {
      std::vector<NetChange> changes = Source::Fold(table, answer.position.lsn.value);
      if (changes.empty() && !answer.pending && !dice_.OneIn(8)) {
        if (!dice_.OneIn(4)) job.advance_base = answer.position.lsn;
        return;
      }
      ++world_.counts().increments;
      AddChanges(table, changes, add);
    } else {
      ++world_.counts().populations;
      const std::int64_t begin = source_.lsn;
      AddChunks(table, add);
      // What changed while the chunks were read, in one last snapshot with a position of its own.
      if (table.keyed()) {
        AddChanges(table, Source::Fold(table, begin), add);
        if (source_.lsn != begin) job.commit = source_.Record(dice_);
      }
    }
    job.rows = table.Rows();
    const bool bare = job.batches.empty() || dice_.OneIn(4);
    if (bare) add(OutBatch());
    job.batches.back().commit = CommitMark{job.batches.size(), job.commit};
  }

  template <typename Add>
  void AddChunks(SourceTable& table, const Add& add) {
    std::vector<std::uint32_t> all(table.schema.columns.size());
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    if (dice_.OneIn(3) || table.rows.empty()) add(OutBatch());  // As Wipe does: begins, without a row.
    std::string last;
    for (;;) {
      OutBatch batch;
      batch.columns = all;
      auto row = last.empty() ? table.rows.begin() : table.rows.upper_bound(last);
      for (std::size_t n = 1 + dice_.Below(8); n > 0 && row != table.rows.end(); --n, ++row) {
        last = row->first;
        batch.rows.push_back(row->second);
      }
      if (batch.rows.empty()) return;
      if (dice_.OneIn(2)) dice_.Shuffle(batch.rows);
      add(std::move(batch));
      if (table.keyed() && dice_.OneIn(3)) source_.ChangeRows(dice_, table);
    }
  }

  template <typename Add>
  void AddChanges(const SourceTable& table, std::vector<NetChange> changes, const Add& add) {
    const TableSchema& schema = table.schema;
    struct Values {
      Row sent, whole;
    };
    std::map<std::pair<int, std::vector<std::uint32_t>>, std::vector<Values>> groups;
    const bool all_columns = dice_.OneIn(4);
    dice_.Shuffle(changes);
    for (const NetChange& change : changes) {
      std::vector<std::uint32_t> columns = schema.Key();
      NetChange::Kind kind = change.kind;
      if (kind == NetChange::kUpdate && dice_.OneIn(8)) kind = NetChange::kInsert;  // An upsert will do.
      // A change that the log took for an update: the endpoint will miss the row.
      if (kind == NetChange::kInsert && schema.columns.size() > columns.size() && dice_.OneIn(12)) {
        kind = NetChange::kUpdate;
      }
      for (std::uint32_t i = 0; i < schema.columns.size() && kind != NetChange::kDelete; ++i) {
        const bool touched = change.kind == NetChange::kInsert || change.touched.contains(table.uids[i]);
        if (schema.columns[i].key_position == 0 && (touched || all_columns || kind == NetChange::kInsert)) {
          columns.push_back(i);
        }
      }
      if (kind == NetChange::kUpdate && columns.size() == schema.Key().size()) continue;
      if (kind == NetChange::kInsert) std::sort(columns.begin(), columns.end());
      Values values;
      if (kind == NetChange::kDelete) {
        values.sent = change.key_cells;
      } else {
        values.whole = table.rows.at(change.key);
        for (const std::uint32_t i : columns) values.sent.push_back(values.whole[i]);
      }
      groups[{kind, columns}].push_back(std::move(values));
    }
    std::vector<OutBatch> batches;
    for (auto& [what, rows] : groups) {
      while (!rows.empty()) {
        OutBatch batch;
        batch.operation = what.first == NetChange::kInsert   ? Operation::kInsert
                          : what.first == NetChange::kUpdate ? Operation::kUpdate
                                                             : Operation::kDelete;
        batch.columns = what.second;
        for (std::size_t n = 1 + dice_.Below(6); n > 0 && !rows.empty(); --n) {
          batch.rows.push_back(std::move(rows.back().sent));
          batch.whole_rows.push_back(std::move(rows.back().whole));
          rows.pop_back();
        }
        batches.push_back(std::move(batch));
      }
    }
    dice_.Shuffle(batches);
    for (OutBatch& batch : batches) add(std::move(batch));
  }

  /// Lets some values of a batch travel in parts.
  void PutInParts(OutBatch& batch) {
    for (std::size_t r = 0; r < batch.rows.size(); ++r) {
      for (std::size_t c = 0; c < batch.columns.size(); ++c) {
        const Column& column = batch.schema->columns[batch.columns[c]];
        const Cell& cell = batch.rows[r][c];
        const bool may =
            column.key_position == 0 && !cell.bytes.empty() &&
            (column.type == Type::kText || column.type == Type::kBytes || column.type == Type::kAny);
        if (may && !batch.large.contains({r, c}) && dice_.OneIn(12)) batch.large[{r, c}] = ++value_ids_;
      }
    }
  }

  void AddParts(const OutBatch& batch, Request& request) {
    for (const auto& [place, value_id] : batch.large) {
      const std::string& bytes = batch.rows[place.first][place.second].bytes;
      for (std::size_t offset = 0; offset < bytes.size();) {
        const std::size_t size = 1 + dice_.Below(bytes.size() - offset);
        request.parts.push_back({batch.table, value_id, offset, bytes.substr(offset, size)});
        offset += size;
      }
    }
  }

  bool Send(std::vector<Job>& jobs) {
    for (Job& job : jobs) {
      for (OutBatch& batch : job.batches) {
        if (dice_.OneIn(3)) PutInParts(batch);
      }
    }
    for (;;) {
      std::vector<Job*> open;
      for (Job& job : jobs) {
        if (!job.done() || job.advance_base) open.push_back(&job);
      }
      if (open.empty()) return true;
      if (dice_.OneIn(25)) return false;
      if (dice_.OneIn(4)) Disturb(true);
      if (dice_.OneIn(40) && !Wreck()) return false;
      Ask(open);
    }
  }

  /// One request of some tables, and what follows from its answer.
  void Ask(std::vector<Job*>& open) {
    Request request;
    std::vector<std::pair<Job*, std::size_t>> sent;
    dice_.Shuffle(open);
    open.resize(1 + dice_.Below(open.size()));
    for (Job* job : open) {
      if (job->advance_base) {
        if (request.advance.size() < 1 + dice_.Below(4)) {
          request.advance_to = target_;
          request.advance.emplace_back(job->name, *job->advance_base);
          job->advance_base.reset();
        }
        continue;
      }
      std::size_t next = job->next;
      if (next + 1 < job->batches.size() && dice_.OneIn(20)) ++next;  // Overtakes its predecessor.
      const std::size_t end = std::min(job->batches.size(), next + 1 + dice_.Below(3));
      if (next == 0 && job->batches[0].populate != PopulateReason::kNone && job->batches[0].rows.empty() &&
          !job->batches[0].commit && dice_.OneIn(2)) {
        Wipe(*job);
        continue;
      }
      for (; next < end; ++next) {
        OutBatch& batch = job->batches[next];
        if (!dice_.OneIn(15)) AddParts(batch, request);
        request.batches.push_back(dice_.OneIn(20) ? Spoilt(batch) : batch);
        sent.emplace_back(job, next);
      }
    }
    if (dice_.OneIn(30)) {  // The parts ahead of their batches; once more with them.
      Request ahead;
      ahead.parts = request.parts;
      Exchange(ahead);
    }
    const std::vector<Verdict> verdicts = Exchange(request);
    if (dice_.OneIn(6)) Exchange(request);  // Its answer was lost.
    history_.push_back(std::move(request));
    for (std::size_t i = 0; i < sent.size(); ++i) TakeVerdict(*sent[i].first, sent[i].second, verdicts[i]);
  }

  void TakeVerdict(Job& job, std::size_t index, const Verdict& verdict) {
    if (index != job.next || job.failed) return;
    OutBatch& batch = job.batches[index];
    if (verdict.code == absl::StatusCode::kOk) {
      ++job.next;
      return;
    }
    if (!verdict.missing.empty() && !verdict.more_missing) return InsertMissing(job, verdict.missing);
    // What the agent did wrong by itself it sends once more, and as it should be.
    const MirrorTable* table = FindTable(job.key);
    const bool lasting = table == nullptr || !table->has_record || table->hash != batch.hash ||
                         verdict.more_missing || model_.refused.contains(job.key) || unique_refused_ ||
                         (table->position.lsn != batch.base && batch.populate == PopulateReason::kNone) ||
                         (table->state == MirrorTable::kStopped);
    if (verdict.code == absl::StatusCode::kFailedPrecondition && lasting) job.failed = true;
  }

  /// Rows that the mirror does not have go as INSERT.
  void InsertMissing(Job& job, const std::vector<std::uint32_t>& missing) {
    ++world_.counts().refusals;
    OutBatch& refused = job.batches[job.next];
    if (dice_.OneIn(2)) {  // All rows of the batch whole, under the same number.
      refused.operation = Operation::kInsert;
      refused.rows = refused.whole_rows;
      refused.large.clear();
      refused.columns.resize(refused.schema->columns.size());
      for (std::uint32_t i = 0; i < refused.columns.size(); ++i) refused.columns[i] = i;
      return;
    }
    // The same batch without them, then those. That numbers on: what was sent under these numbers before must
    // not come again.
    std::erase_if(history_, [&](const Request& request) {
      return std::any_of(request.batches.begin(), request.batches.end(), [&](const OutBatch& batch) {
        return FoldName(batch.table) == job.key && batch.seq >= refused.seq;
      });
    });
    OutBatch insert = refused;
    insert.operation = Operation::kInsert;
    insert.rows.clear();
    insert.large.clear();
    insert.populate = PopulateReason::kNone;
    insert.columns.resize(refused.schema->columns.size());
    for (std::uint32_t i = 0; i < insert.columns.size(); ++i) insert.columns[i] = i;
    OutBatch rest = refused;
    rest.large.clear();
    rest.rows.clear();
    rest.whole_rows.clear();
    const std::set<std::uint32_t> gone(missing.begin(), missing.end());
    for (std::uint32_t r = 0; r < refused.rows.size(); ++r) {
      if (!gone.contains(r)) {
        rest.rows.push_back(refused.rows[r]);
        rest.whole_rows.push_back(refused.whole_rows[r]);
        continue;
      }
      insert.rows.push_back(refused.whole_rows[r]);
    }
    rest.commit.reset();
    std::vector<OutBatch> instead;
    // A batch without rows may only stand where it commits or begins.
    if (!rest.rows.empty() || rest.populate != PopulateReason::kNone) instead.push_back(rest);
    instead.push_back(insert);
    job.batches.erase(job.batches.begin() + static_cast<std::ptrdiff_t>(job.next));
    job.batches.insert(job.batches.begin() + static_cast<std::ptrdiff_t>(job.next), instead.begin(),
                       instead.end());
    for (std::size_t i = job.next; i < job.batches.size(); ++i) job.batches[i].seq = i + 1;
    if (job.batches.back().commit) job.batches.back().commit->batches = job.batches.size();
  }

  OutBatch Spoilt(OutBatch batch) {
    std::vector<Spoil> can = {Spoil::kHash, Spoil::kBase};
    if (batch.commit) can.push_back(Spoil::kCommit);
    if (!batch.rows.empty()) {
      can.insert(can.end(), {Spoil::kRowCount, Spoil::kColumn, Spoil::kLengths});
      const std::vector<std::uint32_t> key = batch.schema->Key();
      if (!key.empty()) can.insert(can.end(), {Spoil::kTwice, Spoil::kNull});
    }
    batch.spoil = dice_.Pick(can);
    if (batch.spoil == Spoil::kTwice) batch.rows.push_back(batch.rows.front());
    if (batch.spoil == Spoil::kNull) {
      const std::uint32_t key = batch.schema->Key()[0];
      const auto place = std::find(batch.columns.begin(), batch.columns.end(), key) - batch.columns.begin();
      batch.rows.back()[static_cast<std::size_t>(place)] = {};
    }
    return batch;
  }

  MirrorTable* FindTable(const std::string& key) {
    const auto found = model_.tables.find(key);
    return found == model_.tables.end() ? nullptr : &found->second;
  }

  /// Sends a request and compares each of its results, and the mirror, with the model.
  std::vector<Verdict> Exchange(const Request& request) {
    ++world_.counts().requests;
    const Caller caller = CallerNow();
    const std::shared_ptr<Tenant> to = tenant();
    RowRequest incoming;
    incoming.cycle = cycle_;
    for (const OutPart& part : request.parts) {
      incoming.parts.push_back({part.table, part.value_id, part.offset, part.data});
    }
    std::deque<v1::ChangeBatch> messages;
    for (const OutBatch& batch : request.batches) {
      messages.push_back(batch.Encode());
      const v1::ChangeBatch& message = messages.back();
      absl::StatusOr<AgreedTable> agreed = to->Agreed(caller, message.table(), message.schema_hash());
      if (agreed.ok()) {
        incoming.batches.push_back({message.table(), message.seq(), agreed->schema,
                                    DecodeBatch(message, *agreed->schema, WireLimits()), agreed->hash});
      } else {
        incoming.batches.push_back({message.table(), message.seq(), nullptr, agreed.status(), {}});
      }
    }
    if (!request.advance.empty()) {
      incoming.advance = IncomingAdvance{request.advance_to, request.advance};
    }
    absl::StatusOr<std::vector<BatchOutcome>> outcomes =
        to->Apply(caller, incoming, dice_.OneIn(2), world_.Now());
    for (const OutBatch& batch : request.batches) Trace("RowData " + batch.Describe());
    for (const auto& [table, base] : request.advance) {
      Trace(absl::StrCat("RowData advance '", table, "' from ", base.value, " to ",
                         request.advance_to.lsn.value));
    }
    Expect(outcomes.status(), "RowData");

    for (const OutPart& part : request.parts) {
      const MirrorTable* table = FindTable(FoldName(part.table));
      if (table == nullptr || !table->has_record || model_.refused.contains(FoldName(part.table))) continue;
      model_.KeepPart(part.table, part.value_id, part.offset, part.data);
    }
    const std::size_t named = request.batches.size() + request.advance.size();
    Require(outcomes->size() >= named && outcomes->size() <= named + request.parts.size(),
            "a result for each batch");
    const std::size_t refused_parts = outcomes->size() - named;
    std::vector<Verdict> verdicts;
    std::set<std::string> refused;
    for (std::size_t i = 0; i < named; ++i) {
      const BatchOutcome& outcome = (*outcomes)[refused_parts + i];
      const bool is_batch = i < request.batches.size();
      const std::string name =
          is_batch ? request.batches[i].table : request.advance[i - request.batches.size()].first;
      const std::string key = FoldName(name);
      Verdict verdict;
      if (RefusedByIndex(key, outcome.status)) {
        verdict.code = outcome.status.code();
        unique_refused_ = true;
      } else if (is_batch) {
        verdict = model_.Apply(cycle_, request.batches[i], refused.contains(key));
      } else {
        verdict = model_.Advance(cycle_, name, request.advance[i - request.batches.size()].second,
                                 request.advance_to);
      }
      // What is wrong with a batch after a refused one may be told first.
      if (refused.contains(key) && verdict.code == absl::StatusCode::kAborted &&
          absl::IsFailedPrecondition(outcome.status)) {
        verdict.code = outcome.status.code();
      }
      const MirrorTable* table = FindTable(key);
      const bool applied =
          is_batch && table != nullptr && table->cycle == cycle_ && outcome.seq <= table->seq;
      if (verdict.code != absl::StatusCode::kOk && !applied) refused.insert(key);
      Compare(outcome, verdict, name);
      verdicts.push_back(std::move(verdict));
    }
    for (std::size_t i = 0; i < named; ++i) {  // LSN and seq are those after the whole request.
      const BatchOutcome& outcome = (*outcomes)[refused_parts + i];
      const MirrorTable* table = FindTable(FoldName(outcome.table));
      if (table == nullptr || !table->has_record) continue;
      const std::uint64_t applied = table->cycle == cycle_ ? table->seq : 0;
      Require(outcome.lsn == table->position.lsn, absl::StrCat("'", outcome.table, "': the result's LSN"));
      Require(outcome.applied_seq == applied,
              absl::StrCat("'", outcome.table, "': applied_seq ", outcome.applied_seq, " and not ", applied));
    }
    Check();
    return verdicts;
  }

  bool RefusedByIndex(const std::string& key, const absl::Status& status) {
    return unique_indexes_.contains(key) && absl::IsFailedPrecondition(status) &&
           std::string(status.message()).find("unique index") != std::string::npos;
  }

  void Compare(const BatchOutcome& outcome, const Verdict& verdict, const std::string& name) {
    const std::string where = absl::StrCat("'", name, "' seq ", outcome.seq, ": ", outcome.status.ToString());
    Require(outcome.status.code() == verdict.code,
            absl::StrCat(where, ", expected ", absl::StatusCodeToString(verdict.code)));
    Require(outcome.repeated == verdict.repeated,
            absl::StrCat(where, ", repeated ", outcome.repeated, " and not ", verdict.repeated));
    Require(outcome.durable == (outcome.status.ok() && !building_), where + ", durable");
    Require(outcome.missing_rows == verdict.missing,
            absl::StrCat(where, ", ", outcome.missing_rows.size(), " missing rows and not ",
                         verdict.missing.size()));
    Require(outcome.more_missing == verdict.more_missing, where + ", more missing");
  }

  void Wipe(Job& job) {
    const OutBatch& batch = job.batches[0];
    Trace("Wipe " + batch.Describe());
    absl::StatusOr<BatchOutcome> outcome =
        tenant()->Wipe(CallerNow(), cycle_, batch.table, batch.target, batch.populate, world_.Now());
    Expect(outcome.status(), "Wipe");
    OutBatch as_batch = batch;
    as_batch.base = Lsn{};
    if (const MirrorTable* table = FindTable(job.key); table != nullptr) as_batch.hash = table->hash;
    const Verdict verdict = model_.Apply(cycle_, as_batch, false);
    Compare(*outcome, verdict, batch.table);
    Check();
    TakeVerdict(job, 0, verdict);
  }

  void Complete(std::vector<Job>& jobs) {
    std::vector<CompletedTable> summaries;
    std::vector<Comparison> expected;
    for (const Job& job : jobs) {
      const MirrorTable* table = FindTable(job.key);
      CompletedTable summary{.table = job.name};
      Comparison comparison = Comparison::kUnchecked;
      const bool known = table != nullptr && table->has_record && table->position.lsn != Lsn{} &&
                         !table->pending && table->counted;
      if (known && dice_.OneIn(2)) {
        const bool wrong = dice_.OneIn(5);
        summary.row_count = table->rows.size() + (wrong ? 1 : 0);
        comparison = wrong ? Comparison::kDiffers : Comparison::kEqual;
      }
      summaries.push_back(summary);
      expected.push_back(comparison);
    }
    for (int repeat = 0; repeat < 2; ++repeat) {
      absl::StatusOr<std::vector<TableVerdict>> verdicts =
          tenant()->Complete(CallerNow(), cycle_, summaries, world_.Now());
      if (repeat == 0) Expect(verdicts.status(), "ReplicationCompleted");
      Require(verdicts.ok(), "ReplicationCompleted again: " + verdicts.status().ToString());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        Require((*verdicts)[i].comparison == expected[i],
                absl::StrCat("'", summaries[i].table, "': ", (*verdicts)[i].reason));
      }
      if (repeat == 0) EndCycle();
      Check();
      if (!dice_.OneIn(5)) break;
    }
    Trace("ReplicationCompleted");
    ++world_.counts().completed;
    holder_.clear();
    for (const Job& job : jobs) CheckJob(job);
  }

  /// What was committed is what the source held.
  void CheckJob(const Job& job) {
    if (job.failed || job.batches.empty()) return;
    const MirrorTable* table = FindTable(job.key);
    if (table == nullptr || !table->has_record || table->position != job.commit) return;
    const auto sorted = [](const StoredRows& rows) {
      std::vector<std::vector<std::string>> values;
      for (const auto& [key, row] : rows) values.push_back(row);
      std::sort(values.begin(), values.end());
      return values;
    };
    Require(sorted(table->rows) == sorted(job.rows),
            absl::StrCat("'", table->name, "': the mirror is not what the source held\n",
                         Differences(sorted(job.rows), sorted(table->rows))));
    const auto source = source_.tables.find(job.key);
    if (source != source_.tables.end() && source_.Knows(job.commit) && dice_.OneIn(4)) {
      source_.Trim(job.key, job.commit.lsn.value);
    }
  }

  // --- The mirror against the model ---

  static std::string Differences(const Owner::Rows& wanted, const Owner::Rows& found) {
    std::string text;
    const auto print = [&](const char* mark, const Owner::Rows& from, const Owner::Rows& other) {
      for (const std::vector<std::string>& row : from) {
        if (std::binary_search(other.begin(), other.end(), row)) continue;
        absl::StrAppend(&text, "  ", mark);
        for (const std::string& value : row) absl::StrAppend(&text, " | ", Printable(value));
        absl::StrAppend(&text, "\n");
      }
    };
    print("missing:  ", wanted, found);
    print("too many: ", found, wanted);
    return text;
  }

  void Check() {
    if (!OwnerSees()) return;
    const Owner::Rows tenant_row = owner_.Query("SELECT cycle, active FROM _mirror_tenant");
    Require(tenant_row == Owner::Rows{{absl::StrCat("I", model_.cycle), model_.active ? "I1" : "I0"}},
            absl::StrCat("the cycle is ", tenant_row[0][0], tenant_row[0][1], " and not ", model_.cycle));
    const Owner::Rows metadata = owner_.Query(absl::StrCat(
        "SELECT table_name, lsn, lineage, pending_lsn, pending_lineage, seq, row_count, cycle FROM ",
        QuoteName(context_id_ + "_mirroring")));
    std::size_t records = 0;
    for (const auto& [key, table] : model_.tables) records += table.has_record ? 1U : 0U;
    Require(metadata.size() == records, absl::StrCat(metadata.size(), " metadata rows and not ", records));
    for (const std::vector<std::string>& row : metadata) {
      const MirrorTable* table = FindTable(FoldName(row[0].substr(1)));
      Require(table != nullptr && table->has_record, "a metadata row too many: " + row[0]);
      CheckRecord(*table, row);
    }
    const Owner::Rows present = owner_.Query(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_mirror\\_%' ESCAPE "
        "'\\' "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'");
    std::size_t visible = 1;
    for (const auto& [key, table] : model_.tables) visible += table.agreed ? 1U : 0U;
    Require(present[0][0] == absl::StrCat("I", visible),
            absl::StrCat(present[0][0], " tables are there and not ", visible));
    std::size_t shadows = 0;
    for (const auto& [key, table] : model_.tables) shadows += table.shadow ? 1U : 0U;
    const Owner::Rows own = owner_.Query(
        "SELECT (SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_mirror\\_shadow\\__%' ESCAPE '\\'), "
        "(SELECT count(*) FROM _mirror_parts)");
    Require(own[0][0] == absl::StrCat("I", shadows),
            absl::StrCat(own[0][0], " shadows are there and not ", shadows));
    Require(model_.active || own[0][1] == "I0", "parts outlive their cycle");
    for (const auto& [key, table] : model_.tables) {
      if (table.agreed && table.visible_known) CheckRows(table);
    }
  }

  void CheckRecord(const MirrorTable& table, const std::vector<std::string>& row) {
    const auto number = [](std::int64_t value) { return absl::StrCat("I", value); };
    const std::string where = absl::StrCat("'", table.name, "': ");
    Require(row[0] == "T" + table.name, where + "its name is " + row[0]);
    Require(row[1] == number(table.position.lsn.value),
            absl::StrCat(where, "LSN ", row[1], " and not ", table.position.lsn.value));
    if (table.position.lsn != Lsn{}) Require(row[2] == "B" + table.position.lineage, where + "lineage");
    Require(row[3] == (table.pending ? number(table.pending->lsn.value) : "N"),
            where + "pending LSN " + row[3]);
    if (table.pending) Require(row[4] == "B" + table.pending->lineage, where + "pending lineage");
    if (table.cycle == model_.cycle) {
      Require(row[5] == number(static_cast<std::int64_t>(table.seq)), where + "seq " + row[5]);
      Require(row[7] == number(table.cycle), where + "cycle " + row[7]);
    }
    if (!table.agreed) return;  // Somebody dropped it.
    const auto count = static_cast<std::int64_t>(table.rows.size());
    Require(row[6] == number(table.counted ? count : -1),
            absl::StrCat(where, "row_count ", row[6], " and not ", table.counted ? count : -1));
  }

  void CheckRows(const MirrorTable& table) {
    std::string names;
    for (const Column& column : table.visible.columns) {
      absl::StrAppend(&names, names.empty() ? "" : ", ", QuoteName(column.name));
    }
    Owner::Rows found = owner_.Query(absl::StrCat("SELECT ", names, " FROM ", QuoteName(table.name)));
    Owner::Rows wanted;
    for (const auto& [key, row] : table.rows) wanted.push_back(row);
    std::sort(found.begin(), found.end());
    std::sort(wanted.begin(), wanted.end());
    Require(found == wanted, absl::StrCat("'", table.name, "': readers see other rows than the model has\n",
                                          Differences(wanted, found)));
  }

  void CheckPartner() {
    if (!OwnerSees()) return;
    for (const PartnerObject& object : partner_) {
      const MirrorTable* table = FindTable(object.table);
      const bool same = table != nullptr && table->agreed && table->hash == object.hash;
      // An index stays where the definition did; one that rows broke may be left out.
      if (object.type == "index" && (!same || unique_indexes_.contains(object.table))) continue;
      const Owner::Rows found =
          owner_.Query(absl::StrCat("SELECT 1 FROM sqlite_schema WHERE name = '", object.name, "'"));
      Require(found.size() == 1, absl::StrCat("the partner's ", object.type, " ", object.name, " is gone"));
    }
  }

  // --- What comes between ---

  void Disturb(bool in_cycle) {
    ++world_.counts().disturbances;
    if (other_ != nullptr && dice_.OneIn(2)) return other_->Touch();
    const std::uint64_t what = dice_.Below(14);
    if (what < 3) {
      Trace("the source goes on");
      return dice_.OneIn(3) ? source_.ChangeSchema(dice_) : source_.ChangeRows(dice_);
    }
    if (what == 3) {
      Trace("backup of the source");
      if (source_backups_.size() == 3) source_backups_.erase(source_backups_.begin());
      return source_backups_.push_back(source_);
    }
    if (what == 4) {
      Trace("10 minutes pass");
      return world_.Wait(700'000);
    }
    if (!made_ || !owner_has_file_ || replaced_) return;
    const bool owners = what == 5 || what == 6 || what == 11 || what > 12;
    if (building_ && owners) return;
    switch (what) {
      case 5:
        return Copy();
      case 6:
        return EditByHand(in_cycle);
      case 7:
        return Operate();
      case 8:
      case 9:
        if (in_cycle && dice_.OneIn(2)) return AdvanceUnquiet();
        if (in_cycle && !history_.empty()) {
          Trace("an old request comes again");
          const Request request = dice_.Pick(history_);
          Exchange(request);
        }
        return;
      case 10:
        return OtherCycle();
      case 11:
        return AddPartnerObject();
      case 12:
        return AnnounceOther();
      default:
        Trace("the owner closes the file");
        return owner_.Close();
    }
  }

  void Copy() {
    Trace("copy of the mirror");
    const std::string path =
        absl::StrCat(world_.tenants().home().Location(context_id_), ".copy", ++copies_made_);
    owner_.CopyTo(path);
    copies_.push_back({path, model_, partner_, unique_indexes_});
    if (copies_.size() > 2) copies_.erase(copies_.begin());
  }

  void EditByHand(bool in_cycle) {
    if (model_.tables.empty()) return;
    auto& [key, table] = dice_.Pick(model_.tables);
    const std::string metadata = QuoteName(context_id_ + "_mirroring");
    std::string name;
    for (const char c : table.name) name += c == '\'' ? "''" : std::string(1, c);
    const std::string where = absl::StrCat(" WHERE table_name = '", name, "'");
    if (!table.has_record) return;
    if (dice_.OneIn(3)) {
      Trace(absl::StrCat("the metadata row of '", table.name, "' is deleted"));
      owner_.Query(absl::StrCat("DELETE FROM ", metadata, where));
      table.has_record = false;
      table.position = {};
      table.pending.reset();
      table.seq = 0;
      table.cycle = 0;
    } else if (in_cycle || !table.agreed || dice_.OneIn(2)) {
      Trace(absl::StrCat("the LSN of '", table.name, "' is set to -1"));
      owner_.Query(absl::StrCat("UPDATE ", metadata, " SET lsn = -1", where));
      table.position = {};
    } else {
      Trace(absl::StrCat("'", table.name, "' is dropped by hand"));
      owner_.Query(absl::StrCat("DROP TABLE ", QuoteName(table.name)));
      table.agreed.reset();
      table.rows.clear();
      LosePartnerObjects(key);
    }
    Check();
  }

  void LosePartnerObjects(const std::string& key) {
    std::erase_if(partner_, [&](const PartnerObject& o) { return o.table == key && o.type != "view"; });
    unique_indexes_.erase(key);
  }

  void Operate() {
    std::vector<std::string> known;
    for (const auto& [key, table] : model_.tables) {
      if (table.has_record) known.push_back(key);
    }
    const std::uint64_t what = dice_.Below(5);
    std::vector<std::string> chosen;
    if (!dice_.OneIn(4) && !known.empty()) chosen = {dice_.Pick(known)};
    const std::vector<std::string>& affected = chosen.empty() ? known : chosen;
    if (what < 2) {
      Trace(absl::StrCat("invalidate ", affected.size(), " tables"));
      const auto done = tenant()->Invalidate(chosen, world_.Now());
      Require(done.ok() && done->size() == affected.size(), "Invalidate: " + done.status().ToString());
      for (const std::string& key : affected) model_.Invalidate(model_.tables[key]);
    } else if (what == 2) {
      Trace("pause");
      Require(tenant()->Pause("because", world_.Now()).ok(), "Pause");
      model_.paused = true;
    } else if (what == 3) {
      Trace(absl::StrCat("reset ", affected.size(), " tables"));
      const auto done = tenant()->Reset(chosen, world_.Now());
      Require(done.ok() && done->size() == affected.size(), "Reset: " + done.status().ToString());
      for (const std::string& key : affected) {
        model_.Forget(key);
        LosePartnerObjects(key);
      }
    } else {
      Require(absl::IsNotFound(tenant()->Invalidate({"no such table"}, world_.Now()).status()),
              "a table that is not there is named");
      return Check();
    }
    EndCycle();
    Check();
  }

  /// Calls of a cycle that does not run, older or newer.
  void OtherCycle() {
    if (cycle_ == 0) return;
    Trace("a call of another cycle");
    RowRequest request;
    request.cycle = dice_.OneIn(2) ? cycle_ - 1 : model_.cycle + 1;
    const auto outcomes = tenant()->Apply(CallerNow(), request, false, world_.Now());
    Require(absl::IsAborted(outcomes.status()), "another cycle's call: " + outcomes.status().ToString());
    Check();
  }

  void AddPartnerObject() {
    if (model_.tables.empty() || partner_.size() > 3) return;
    auto& [key, table] = dice_.Pick(model_.tables);
    if (!table.agreed || !table.visible_known || !(table.visible == *table.agreed)) return;
    PartnerObject object{.name = absl::StrCat("p", ++copies_made_), .table = key, .hash = table.hash};
    const std::string column = QuoteName(dice_.Pick(table.visible.columns).name);
    const std::string name = QuoteName(table.name);
    const std::uint64_t what = dice_.Below(4);
    object.type = what < 2 ? "index" : what == 2 ? "view" : "trigger";
    std::string sql = absl::StrCat("CREATE INDEX ", object.name, " ON ", name, " (", column, ")");
    if (what == 1 && dice_.OneIn(2)) {
      std::set<std::vector<std::string>> different;
      const Owner::Rows values = owner_.Query(absl::StrCat("SELECT ", column, " FROM ", name));
      for (const auto& value : values) different.insert(value);
      if (different.size() == values.size()) {
        sql.replace(0, 12, "CREATE UNIQUE INDEX");
        unique_indexes_.insert(key);
      }
    }
    if (what == 2) sql = absl::StrCat("CREATE VIEW ", object.name, " AS SELECT ", column, " FROM ", name);
    if (what == 3) {
      sql = absl::StrCat("CREATE TRIGGER ", object.name, " BEFORE INSERT ON ", name,
                         " BEGIN SELECT raise(ABORT, 'not here'); END");
    }
    Trace(sql);
    owner_.Query(sql);
    partner_.push_back(std::move(object));
    Check();
  }

  /// An advance of a table that is not quiet, or from an LSN that it does not hold.
  void AdvanceUnquiet() {
    if (model_.tables.empty()) return;
    const MirrorTable& table = dice_.Pick(model_.tables).second;
    const Lsn base{table.position.lsn.value + (dice_.OneIn(3) ? 1 : 0)};
    const Request request{.advance_to = target_, .advance = {{table.name, base}}};
    MirrorModel trial = model_;
    if (trial.Advance(cycle_, table.name, base, target_).code == absl::StatusCode::kOk) return;
    Exchange(request);
  }

  /// Another list of tables after a batch was applied.
  void AnnounceOther() {
    if (!model_.active || model_.cycle != cycle_ || !model_.touched) return;
    Trace("another TableSchema");
    const auto answers = tenant()->Announce(CallerNow(), cycle_, "source", "other", {}, world_.Now());
    Require(absl::IsFailedPrecondition(answers.status()) || Idle(),
            "another TableSchema after a batch: " + answers.status().ToString());
    if (absl::IsAborted(answers.status())) EndCycle();
    Check();
  }

  /// What happens rarely. False: the source's agent dies of it.
  bool Wreck() {
    ++world_.counts().disturbances;
    const std::uint64_t what = dice_.Below(4);
    if (what == 0) {
      if (source_backups_.empty()) return true;
      Trace("the source is restored");
      const Source& backup = dice_.Pick(source_backups_);
      const bool other_schema = backup.schema_version != source_.schema_version;
      source_ = backup;
      if (other_schema) source_.DefinitionsMayDiffer();
      return false;
    }
    if (what == 1) {
      const bool clean = dice_.OneIn(2);
      Trace(clean ? "the server stops and starts" : "the server is gone and starts");
      if (clean) world_.tenants().EndCycles();
      world_.Stop();
      world_.Start();
      Stopped(clean);
      if (other_ != nullptr) other_->Stopped(clean);
      Check();
      return true;
    }
    if (!OwnerSees()) return true;
    const std::string path = world_.tenants().home().Location(context_id_);
    owner_.Close();
    if (what == 2 && !copies_.empty()) {
      Trace("an older copy takes the mirror's place");
      replaced_ = tenant()->is_open();
      const MirrorCopy& copy = dice_.Pick(copies_);
      model_ = copy.model;
      partner_ = copy.partner;
      unique_indexes_ = copy.unique_indexes;
      fs::copy_file(copy.path, path + ".new");
      fs::rename(path + ".new", path);
      served_ = served_ && replaced_;
    } else if (what == 3 && dice_.OneIn(3)) {
      Trace("the mirror file is removed");
      fs::remove(path);
      owner_has_file_ = false;
      partner_.clear();
      unique_indexes_.clear();
    }
    return true;
  }

  void Stopped(bool clean) {
    if (clean && served_ && owner_has_file_) {
      Noticed();
      if (model_.active) EndCycle();
    }
    if (building_ && !clean) {
      // The rows are lost, and the cycle with them.
      const std::int64_t cycle = model_.cycle;
      model_ = MirrorModel();
      model_.cycle = cycle;
    }
    replaced_ = served_ = false;
    noted_cycle_ = 0;
  }

  struct PartnerObject {
    std::string name, type, table, hash;
  };
  struct MirrorCopy {
    std::string path;
    MirrorModel model;
    std::vector<PartnerObject> partner;
    std::set<std::string> unique_indexes;
  };

  World& world_;
  Dice& dice_;
  const std::string context_id_;
  Owner owner_;
  Source source_;
  MirrorModel model_;
  Play* other_ = nullptr;
  bool made_ = false;            ///< The server knows the tenant.
  bool building_ = false;        ///< Its mirror has no file yet.
  bool owner_has_file_ = false;  ///< The mirror file is there.
  bool replaced_ = false;        ///< Another file stands there, and the server has not looked yet.
  std::int64_t cycle_ = 0;
  std::string holder_;
  Position target_;
  std::uint64_t nonces_ = 0, value_ids_ = 0;
  std::vector<Request> history_;                       ///< Of the running cycle.
  std::map<std::string, std::string> announced_hash_;  ///< By folded name.
  std::set<std::string> unique_indexes_;               ///< Tables, folded.
  std::vector<PartnerObject> partner_;                 ///< What the partner made.
  bool unique_refused_ = false;
  bool served_ = false;                          ///< This server process has served the running cycle.
  std::int64_t noted_cycle_ = 0, noted_ms_ = 0;  ///< Of the last call of a cycle to this server process.
  std::vector<Source> source_backups_;
  std::vector<MirrorCopy> copies_;
  std::uint64_t copies_made_ = 0;
};

constexpr std::uint64_t kShards = 4;
constexpr std::uint64_t kRounds = 300;
constexpr std::uint64_t kCyclesOfRound = 10;

/// One server, one or two tenants, some cycles. Gives what went wrong.
std::string Round(std::uint64_t seed, Counts& counts) {
  Dice dice(seed);
  World world(dice, counts);
  try {
    Play one(world, "Cust1");
    Play two(world, "cust-Two");
    one.set_other(&two);
    two.set_other(&one);
    for (std::uint64_t i = 0; i < kCyclesOfRound; ++i) (dice.OneIn(3) ? two : one).Step();
    return "";
  } catch (const Failure& failure) {
    return absl::StrCat("repeat with MIRROR_TEST_SEED=", seed, " MIRROR_TEST_ROUNDS=1\n", failure.what(),
                        "\nthe last steps:\n", world.LastSteps());
  }
}

class RandomCyclesTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  static void SetUpTestSuite() { spdlog::set_level(spdlog::level::off); }
};

TEST_P(RandomCyclesTest, TheMirrorHoldsWhatTheSourceHad) {
  const std::uint64_t rounds = FromEnvironment("MIRROR_TEST_ROUNDS", kRounds);
  const std::uint64_t first = FromEnvironment("MIRROR_TEST_SEED", std::random_device{}());
  std::cout << "MIRROR_TEST_SEED=" << first << "\n";
  Counts counts;
  for (std::uint64_t round = GetParam(); round < rounds; round += kShards) {
    const std::string failure = Round(first + round, counts);
    ASSERT_TRUE(failure.empty()) << failure;
  }
  std::cout << counts.cycles << " cycles (" << counts.completed << " completed), " << counts.requests
            << " requests, " << counts.populations << " populations, " << counts.increments << " increments, "
            << counts.alterations << " tables altered in place, " << counts.refusals << " batches corrected, "
            << counts.disturbances << " disturbances, " << counts.built << " mirrors built beside\n";
}

INSTANTIATE_TEST_SUITE_P(Shard, RandomCyclesTest, testing::Range(std::uint64_t{0}, kShards),
                         [](const auto& test) { return absl::StrCat(test.param); });

}  // namespace
}  // namespace mirror::model
