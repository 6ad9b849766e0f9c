// mirror-bench-micro: what the pure parts cost, one by one. With google-benchmark's own options.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/digest.h"
#include "base/nonce.h"
#include "certs/issue.h"
#include "certs/key_ring.h"
#include "certs/token.h"
#include "certs/token_cache.h"
#include "proto/wire/codec.h"
#include "server/plan/apply_plan.h"
#include "server/plan/schema_plan.h"
#include "tools/benchmarks/batch_maker.h"

namespace mirror::bench {
namespace {

constexpr std::uint64_t kRows = 5'000;

/// What went wrong before anything could be measured ends the program: a figure of nothing is none.
template <typename T>
T Must(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::fprintf(stderr, "mirror-bench-micro: %s\n", value.status().ToString().c_str());
  std::exit(1);
}

const BenchRows& Rows() {
  static const BenchRows rows(Shape{});
  return rows;
}

StepHead Head() { return {"", Lsn{1}, {Lsn{2}, "bench"}, false}; }

v1::ChangeBatch Message() {
  v1::ChangeBatch message;
  BatchMaker(&Rows(), {Verb::kInsert, 1, kRows}).Encode(0, Head(), &message);
  return message;
}

void CountRows(benchmark::State& state) {
  state.SetItemsProcessed(static_cast<std::int64_t>(kRows) * state.iterations());
}

void Encode(benchmark::State& state) {
  const BatchMaker maker(&Rows(), {Verb::kInsert, 1, kRows});
  v1::ChangeBatch message;
  std::string bytes;
  for (auto turn : state) {
    maker.Encode(0, Head(), &message);
    message.SerializeToString(&bytes);
    benchmark::DoNotOptimize(bytes.data());
  }
  CountRows(state);
}
BENCHMARK(Encode)->Name("codec/encode+serialize");

void Parse(benchmark::State& state) {
  const std::string bytes = Message().SerializeAsString();
  v1::ChangeBatch message;
  for (auto turn : state) benchmark::DoNotOptimize(message.ParseFromString(bytes));
  CountRows(state);
}
BENCHMARK(Parse)->Name("codec/parse");

void Decode(benchmark::State& state) {
  const v1::ChangeBatch message = Message();
  for (auto turn : state) benchmark::DoNotOptimize(Must(DecodeBatch(message, Rows().schema(), {})));
  CountRows(state);
}
BENCHMARK(Decode)->Name("codec/decode+check");

/// The hash of all values of each row: what a digest of a table would have to do, without reading it.
void RowDigest(benchmark::State& state) {
  std::string row;
  std::int64_t key = 0;
  for (auto turn : state) {
    ++key;
    row.assign(reinterpret_cast<const char*>(&key), sizeof key);
    const Value* values = Rows().ValuesAt(Rows().Place(key, 0));
    for (std::uint32_t i = 1; i < Rows().schema().columns.size(); ++i) {
      if (Rows().StorageAt(i) == Storage::kBytes) {
        row.append(values[i - 1].text, values[i - 1].size);
      } else {
        row.append(reinterpret_cast<const char*>(&values[i - 1].integer), sizeof(std::int64_t));
      }
    }
    benchmark::DoNotOptimize(HexDigest(row));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(RowDigest)->Name("digest/row");

/// Keys of one algorithm in a folder of their own.
class Keys {
 public:
  explicit Keys(Algorithm algorithm) {
    std::string pattern = std::filesystem::temp_directory_path() / "mirror-bench-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) std::exit(1);
    folder_ = pattern;
    const PairFiles files{folder_ + "/bench.crt", folder_ + "/bench.key"};
    if (!IssueSigningKey(files, "bench", algorithm, {}).ok()) std::exit(1);
    ring = Must(KeyRing::Load({{"bench", "bench", folder_}}));
    rules.audience = "bench";
    rules.algorithms = {algorithm};
    claims = {"bench", "bench", "bench", NewNonce(), Now(), Now() + 600};
  }
  ~Keys() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;

  SigningKey Signer() const { return Must(SigningKey::Load(folder_ + "/bench.key", "bench")); }
  static std::int64_t Now() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  KeyRing ring;
  TokenRules rules;
  Claims claims;

 private:
  std::string folder_;
};

void Sign(benchmark::State& state, Algorithm algorithm) {
  const Keys keys(algorithm);
  const SigningKey signer = keys.Signer();
  for (auto turn : state) {
    benchmark::DoNotOptimize(Must(SignToken(signer, TokenUse::kCall, keys.claims, keys.rules.context_claim)));
  }
}
BENCHMARK_CAPTURE(Sign, es256, Algorithm::kEs256)->Name("token/sign/es256");
BENCHMARK_CAPTURE(Sign, rs256, Algorithm::kRs256)->Name("token/sign/rs256");

void Verify(benchmark::State& state, Algorithm algorithm) {
  const Keys keys(algorithm);
  const std::string token =
      Must(SignToken(keys.Signer(), TokenUse::kCall, keys.claims, keys.rules.context_claim));
  for (auto turn : state) {
    benchmark::DoNotOptimize(Must(VerifyToken(token, TokenUse::kCall, keys.ring, keys.rules, Keys::Now())));
  }
}
BENCHMARK_CAPTURE(Verify, es256, Algorithm::kEs256)->Name("token/verify/es256");
BENCHMARK_CAPTURE(Verify, rs256, Algorithm::kRs256)->Name("token/verify/rs256");

void VerifyAgain(benchmark::State& state) {
  const Keys keys(Algorithm::kEs256);
  const std::string token =
      Must(SignToken(keys.Signer(), TokenUse::kCall, keys.claims, keys.rules.context_claim));
  TokenCache cache;
  for (auto turn : state) {
    benchmark::DoNotOptimize(Must(cache.Verify(token, TokenUse::kCall, keys.ring, keys.rules, Keys::Now())));
  }
}
BENCHMARK(VerifyAgain)->Name("token/verify/cached");

TableRecord Record() {
  TableRecord record;
  record.table = Rows().schema().name;
  record.schema_hash = SchemaHash(Rows().schema());
  record.position = {Lsn{1}, "bench"};
  return record;
}

void PlanOneBatch(benchmark::State& state) {
  const v1::ChangeBatch message = Message();
  const ChangeBatch batch = Must(DecodeBatch(message, Rows().schema(), {}));
  const TableRecord record = Record();
  for (auto turn : state) benchmark::DoNotOptimize(PlanBatch(1, record, Rows().schema(), batch));
}
BENCHMARK(PlanOneBatch)->Name("plan/batch");

void PlanOneTable(benchmark::State& state) {
  const TableRecord record = Record();
  for (auto turn : state) {
    benchmark::DoNotOptimize(
        PlanTable(record, Rows().schema(), {}, Rows().schema(), SchemaHash(Rows().schema())));
  }
}
BENCHMARK(PlanOneTable)->Name("plan/unchanged table, with its hash");

}  // namespace
}  // namespace mirror::bench

BENCHMARK_MAIN();
