#include "tools/mirror_harness/synthetic/change_maker.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

namespace mirror::harness {
namespace {

/// Number of different column lists for the updates of a table in a cycle.
constexpr std::size_t kSubsets = 3;
/// Number of attempts to find a row or a gap that this cycle has not changed.
constexpr int kTries = 20;

/// Returns the key columns, and one, some or nearly all of the other columns.
std::vector<std::uint32_t> PickColumns(const RowModel& model, Random* random) {
  const std::uint64_t ways = random->Below(3);
  std::vector<std::uint32_t> columns, others;
  for (const Recipe& recipe : model.recipes()) {
    if (!recipe.key) others.push_back(recipe.column);
  }
  for (const Recipe& recipe : model.recipes()) {
    const bool taken = ways == 0 ? false : random->Below(ways == 1 ? 4 : 8) < (ways == 1 ? 1 : 7);
    if (recipe.key || taken) columns.push_back(recipe.column);
  }
  if (!others.empty()) columns.push_back(others[random->Below(others.size())]);
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return columns;
}

/// Collects the changes of one table.
class Collector {
 public:
  Collector(std::uint32_t version, Random* random, RowModel* model)
      : version_(version), random_(random), model_(model), all_(model->recipes().size()) {
    std::iota(all_.begin(), all_.end(), 0U);
    for (std::size_t i = 0; i < kSubsets; ++i) changes_.updates.push_back({PickColumns(*model, random), {}});
  }

  void Insert() {
    switch (random_->Below(4)) {
      case 0: {  // Deletes a key and inserts it again in this cycle.
        const std::int64_t key = UntouchedRow();
        if (key > 0) return Inserted(key);
        break;
      }
      case 1: {  // Inserts a key between the others, often one that an earlier cycle deleted.
        for (int i = 0; i < kTries; ++i) {
          const std::int64_t key = 1 + static_cast<std::int64_t>(random_->Below(Highest() + 1));
          if (key <= model_->key_max() && !model_->Has(key) && !touched_.contains(key)) return Inserted(key);
        }
        break;
      }
      default:
        break;
    }
    std::int64_t key = static_cast<std::int64_t>(Highest()) + 1;
    while (model_->Has(key) || touched_.contains(key)) ++key;
    if (key <= model_->key_max()) Inserted(key);
  }

  void Update() {
    const std::int64_t key = UntouchedRow();
    if (key == 0) return;
    if (random_->Below(16) == 0) {  // Changes the key itself.
      Deleted(key);
      return Insert();
    }
    TableChanges::Update& update = changes_.updates[random_->Below(kSubsets)];
    touched_.insert(key);
    update.keys.push_back(key);
    model_->Put(key, update.columns, version_);
  }

  void Delete() {
    if (const std::int64_t key = UntouchedRow(); key != 0) Deleted(key);
  }

  TableChanges Take() {
    std::sort(changes_.deletes.begin(), changes_.deletes.end());
    std::sort(changes_.inserts.begin(), changes_.inserts.end());
    for (TableChanges::Update& update : changes_.updates) std::sort(update.keys.begin(), update.keys.end());
    std::erase_if(changes_.updates, [](const TableChanges::Update& update) { return update.keys.empty(); });
    return std::move(changes_);
  }

 private:
  /// Returns a row that this cycle has not changed; 0: none was found.
  std::int64_t UntouchedRow() {
    for (int i = 0; i < kTries && model_->rows() > 0; ++i) {
      const std::int64_t key = model_->Pick(random_->Next());
      if (!touched_.contains(key)) return key;
    }
    return 0;
  }

  /// Returns approximately the largest key. Keys are used from 1 on, without large gaps.
  std::uint64_t Highest() { return highest_ = std::max<std::uint64_t>(highest_, model_->rows()); }

  void Inserted(std::int64_t key) {
    highest_ = std::max<std::uint64_t>(highest_, static_cast<std::uint64_t>(key));
    touched_.insert(key);
    changes_.inserts.push_back(key);
    model_->Put(key, all_, version_);
  }

  void Deleted(std::int64_t key) {
    touched_.insert(key);
    changes_.deletes.push_back(key);
    model_->Erase(key);
  }

  std::uint32_t version_;
  Random* random_;
  RowModel* model_;
  std::vector<std::uint32_t> all_;
  TableChanges changes_;
  std::unordered_set<std::int64_t> touched_;
  std::uint64_t highest_ = 0;
};

}  // namespace

TableChanges ChangeRows(std::uint64_t count, const Mix& mix, std::uint32_t version, Random* random,
                        RowModel* model) {
  Collector collector(version, random, model);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t percent = random->Below(100);
    const bool room = mix.rows_max == 0 || model->rows() < mix.rows_max;
    if (percent < mix.inserts) {
      room ? collector.Insert() : collector.Delete();
    } else if (percent < mix.inserts + mix.updates) {
      collector.Update();
    } else {
      collector.Delete();
    }
  }
  return collector.Take();
}

}  // namespace mirror::harness
