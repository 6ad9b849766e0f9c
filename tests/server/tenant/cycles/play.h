#ifndef MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_H_
#define MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_H_

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/tenant/backup.h"
#include "tests/server/tenant/cycles/play_agent.h"
#include "tests/server/tenant/cycles/sqlite_ground.h"

namespace mirror::model {

/// One tenant: its source, the source's agent, its mirror's owner, and the model of the mirror.
class Play final : private PlayAgent {
 public:
  Play(World& world, std::string context_id) : PlayAgent(world, std::move(context_id)) {}

  void Step() {
    const std::uint64_t changes = dice_.Below(4);
    for (std::uint64_t i = 0; i < changes; ++i) source_.ChangeRows(dice_);
    while (dice_.OneIn(3)) source_.ChangeSchema(dice_);
    if (dice_.OneIn(5)) Disturb(false);
    if (dice_.OneIn(world_.is_shared() ? 4 : 15)) Wreck();
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
  // --- What comes between ---

  void Disturb(bool in_cycle) override {
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
        return owner_->Close();
    }
  }

  void Copy() {
    Trace("copy of the mirror");
    const std::string path =
        absl::StrCat(world_.ground().folder(), "/", context_id_, ".copy", ++copies_made_);
    if (world_.is_shared()) {
      const auto made = BackupMirror(world_.tenants(), *tenant(), path, dice_.OneIn(3), [] { return true; });
      Require(made.ok(), "backup: " + made.status().ToString());
    } else {
      dynamic_cast<SqliteBeside&>(*owner_).CopyTo(path);
    }
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
      owner_->Query(absl::StrCat("DELETE FROM ", metadata, where));
      table.has_record = false;
      table.position = {};
      table.pending.reset();
      table.seq = 0;
      table.cycle = 0;
    } else if (in_cycle || !table.agreed || dice_.OneIn(2)) {
      Trace(absl::StrCat("the LSN of '", table.name, "' is set to -1"));
      owner_->Query(absl::StrCat("UPDATE ", metadata, " SET lsn = -1", where));
      table.position = {};
    } else {
      Trace(absl::StrCat("'", table.name, "' is dropped by hand"));
      owner_->Query(absl::StrCat("DROP TABLE ", QuoteName(table.name)));
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
    const std::uint64_t what = dice_.Below(owner_->TakesObjects() ? 4 : 2);
    object.type = what < 2 ? "index" : what == 2 ? "view" : "trigger";
    std::string sql = absl::StrCat("CREATE INDEX ", object.name, " ON ", name, " (", column, ")");
    if (what == 1 && dice_.OneIn(2)) {
      std::set<std::vector<std::string>> different;
      const Beside::Rows values = owner_->Query(absl::StrCat("SELECT ", column, " FROM ", name));
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
    owner_->Query(sql);
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
  bool Wreck() override {
    ++world_.counts().disturbances;
    const std::uint64_t what = dice_.Below(world_.is_shared() ? 6 : 4);
    if (what == 0) {
      if (source_backups_.empty()) return true;
      Trace("the source is restored");
      const Source& backup = dice_.Pick(source_backups_);
      const bool other_schema = backup.schema_version != source_.schema_version;
      source_ = backup;
      if (other_schema) source_.DefinitionsMayDiffer();
      return false;
    }
    if (what == 1 && world_.is_shared() && dice_.OneIn(2)) {
      Trace("the database is killed and starts again");
      owner_->Close();
      if (other_ != nullptr) other_->owner_->Close();
      world_.ground().Kill();
      Check();
      return true;
    }
    if (what == 1) {
      const bool clean = dice_.OneIn(2);
      Trace(clean ? "the server stops and starts" : "the server is gone and starts");
      world_.Restart(clean);
      Stopped(clean);
      if (other_ != nullptr) other_->Stopped(clean);
      Check();
      return true;
    }
    if (!OwnerSees()) return true;
    if (world_.is_shared()) {
      if (what == 3 && dice_.OneIn(2)) {
        Delete();
      } else if (what == 5 || copies_.empty()) {
        Copy();
      } else {
        Restore();
      }
      return true;
    }
    const std::string path = world_.tenants().home().Location(context_id_);
    owner_->Close();
    if (what == 2 && !copies_.empty()) {
      Trace("an older copy takes the mirror's place");
      replaced_ = tenant()->is_open();
      const MirrorCopy& copy = dice_.Pick(copies_);
      model_ = copy.model;
      partner_ = copy.partner;
      unique_indexes_ = copy.unique_indexes;
      std::filesystem::copy_file(copy.path, path + ".new");
      std::filesystem::rename(path + ".new", path);
      served_ = served_ && replaced_;
    } else if (what == 3 && dice_.OneIn(3)) {
      Trace("the mirror file is removed");
      std::filesystem::remove(path);
      owner_has_file_ = false;
      partner_.clear();
      unique_indexes_.clear();
    }
    return true;
  }

  /// An operator puts a backup back, by any server.
  void Restore() {
    MirrorCopy& copy = dice_.Pick(copies_);
    Trace("the operator restores a backup: " + copy.path);
    const auto done = RestoreMirror(world_.tenants(), context_id_, copy.path, world_.Now());
    Require(done.ok(), "restore: " + done.status().ToString());
    ++world_.counts().restored;
    const std::int64_t before = model_.cycle;
    const bool paused = model_.paused;
    const std::int64_t of_copy = copy.model.cycle;
    model_ = copy.model;
    EndCycle();
    model_.paused = paused;
    const Beside::Rows row = owner_->Tenant();
    model_.cycle = std::stoll(row.at(0).at(0).substr(1));
    Require(model_.cycle > before && model_.cycle > of_copy,
            absl::StrCat("after a restore the cycle is ", model_.cycle, ", before it was ", before));
    partner_.clear();
    unique_indexes_.clear();
    Check();
  }

  /// An operator deletes the mirror by any server, and lets the tenant come again.
  void Delete() {
    Trace("the operator deletes the mirror, and allows the tenant again");
    const absl::Status gone = world_.tenants().Delete(context_id_);
    Require(gone.ok(), "delete: " + gone.ToString());
    ++world_.counts().deleted;
    Require(!owner_->IsThere(), "a deleted mirror is there");
    const auto back = world_.tenants().FindOrTakeIn(CallerNow());
    Require(!back.ok() || *back == nullptr, "a deleted tenant is taken in");
    const absl::Status allowed = world_.tenants().Allow(context_id_).status();
    Require(allowed.ok(), "allow: " + allowed.ToString());
    owner_has_file_ = false;
    partner_.clear();
    unique_indexes_.clear();
  }

  void Stopped(bool clean) {
    if (world_.is_shared()) return;  // Its cycles go on.
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

  Play* other_ = nullptr;
};

}  // namespace mirror::model

#endif  // MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_H_
