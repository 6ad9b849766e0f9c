#include "tools/mirror_harness/synthetic/fleet.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "client/wire/connect.h"
#include "client/wire/mirror_client.h"
#include "tools/mirror_harness/synthetic/bench_table.h"
#include "tools/mirror_harness/synthetic/schema_file.h"

namespace mirror::harness {
namespace {

absl::StatusOr<std::vector<TableRecipe>> MakeRecipes(const Options& options) {
  std::vector<TableRecipe> recipes;
  if (options.schema.empty()) {
    for (std::uint32_t i = 1; i <= options.tables; ++i) recipes.push_back(BenchTable(i, options.columns));
    return recipes;
  }
  ASSIGN_OR_RETURN(std::vector<TableSchema> schemas, LoadSchemaFile(options.schema));
  for (TableSchema& schema : schemas) {
    TableRecipe recipe{std::move(schema), {}};
    for (std::uint32_t i = 0; i < recipe.schema.columns.size(); ++i) {
      recipe.columns.push_back(RecipeFor(recipe.schema.columns[i], i));
    }
    recipes.push_back(std::move(recipe));
  }
  return recipes;
}

std::uint64_t TenantSeed(const Options& options, std::uint32_t number) {
  return MixBits(options.seed * 0x9e3779b97f4a7c15ULL + number);
}

absl::StatusOr<std::vector<RowModel>> MakeTables(const Options& options,
                                                 const std::vector<TableRecipe>& recipes,
                                                 std::uint32_t number) {
  std::vector<RowModel> tables;
  for (const TableRecipe& recipe : recipes) {
    ASSIGN_OR_RETURN(
        RowModel model,
        RowModel::Make(recipe, MixBits(TenantSeed(options, number) + tables.size() + 1), options.rows));
    tables.push_back(std::move(model));
  }
  return tables;
}

/// What went wrong, from all threads.
class Failures {
 public:
  void Add(const absl::Status& status) {
    const MutexLock lock(mutex_);
    list_.push_back(status);
  }
  std::vector<absl::Status> Take() {
    const MutexLock lock(mutex_);
    return std::move(list_);
  }

 private:
  Mutex mutex_;
  std::vector<absl::Status> list_ MIRROR_GUARDED_BY(mutex_);
};

/// One client: the tenants first, first + clients, ... in turn, cycle by cycle.
void RunClient(const Options& options, const AgentConfig& config,
               const std::vector<std::unique_ptr<Tenant>>& tenants, std::size_t first, Meter* meter,
               Failures* failures) {
  const absl::StatusOr<Connection> connection = Connect(config);
  if (!connection.ok()) return failures->Add(connection.status());
  struct Mine {
    Tenant* tenant;
    SyntheticSource source;
  };
  std::vector<Mine> mine;
  for (std::size_t i = first; i < tenants.size(); i += options.clients) {
    mine.push_back({tenants[i].get(), SyntheticSource(std::make_unique<MirrorClient>(
                                                          connection->line->Channel(), connection->identity,
                                                          tenants[i]->context_id()),
                                                      Tenant::kSourceId)});
  }
  const auto run = [&](auto&& cycle) {
    std::erase_if(mine, [&](Mine& one) {
      const absl::Status status = cycle(one);
      if (!status.ok()) failures->Add(status);
      return !status.ok();
    });
  };
  run([&](Mine& one) { return one.tenant->Populate(&one.source, meter); });
  if (options.command == Command::kSoak) {
    const auto end = std::chrono::steady_clock::now() + SoakTime(options);
    while (!mine.empty() && std::chrono::steady_clock::now() < end) {
      run([&](Mine& one) { return one.tenant->ChangeAndSend(&one.source, meter); });
    }
  }
  if (options.command != Command::kCycle) return;
  for (std::uint32_t i = 0; i < options.cycles; ++i) {
    run([&](Mine& one) { return one.tenant->ChangeAndSend(&one.source, meter); });
  }
}

}  // namespace

absl::StatusOr<std::vector<RowModel>> MakeTables(const Options& options, std::uint32_t number) {
  ASSIGN_OR_RETURN(const std::vector<TableRecipe> recipes, MakeRecipes(options));
  return MakeTables(options, recipes, number);
}

absl::StatusOr<std::vector<std::unique_ptr<Tenant>>> MakeTenants(const Options& options,
                                                                 const std::string& context_id) {
  ASSIGN_OR_RETURN(const std::vector<TableRecipe> recipes, MakeRecipes(options));
  std::vector<std::unique_ptr<Tenant>> tenants;
  for (std::uint32_t number = 1; number <= options.tenants; ++number) {
    const std::string name = absl::StrCat(context_id, "-", number);
    RETURN_IF_ERROR(CheckContextId(name));
    ASSIGN_OR_RETURN(std::vector<RowModel> tables, MakeTables(options, recipes, number));
    tenants.push_back(
        std::make_unique<Tenant>(options, name, TenantSeed(options, number), std::move(tables)));
  }
  return tenants;
}

std::vector<absl::Status> RunTenants(const Options& options, const AgentConfig& config,
                                     const std::vector<std::unique_ptr<Tenant>>& tenants, Meter* meter) {
  Failures failures;
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < std::min<std::size_t>(options.clients, tenants.size()); ++i) {
    clients.emplace_back([&, i] { RunClient(options, config, tenants, i, meter, &failures); });
  }
  for (std::thread& client : clients) client.join();
  return failures.Take();
}

}  // namespace mirror::harness
