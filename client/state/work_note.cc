#include "client/state/work_note.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

using Json = nlohmann::json;

std::string NotePath(const std::string& state_dir, const std::string& context_id) {
  return absl::StrCat(state_dir, "/", context_id, ".work.json");
}

void Remove(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

}  // namespace

WorkNote::WorkNote(const std::string& state_dir, const std::string& context_id, std::int64_t begun_ms,
                   Clock::time_point (*now)())
    : path_(NotePath(state_dir, context_id)), begun_ms_(begun_ms), now_(now), shown_(now()) {
  Remove(path_);
}

WorkNote::~WorkNote() { Remove(path_); }

void WorkNote::Show(const Work& work) {
  const Clock::time_point now = now_();
  if (now - shown_ < kInterval) return;
  shown_ = now;
  const Json json = {{"begun_ms", begun_ms_},
                     {"doing", work.doing},
                     {"table", work.table},
                     {"rows", work.rows},
                     {"expected", work.expected}};
  const std::string beside = path_ + ".new";
  std::ofstream file(beside, std::ios::trunc);
  file << json.dump(-1, ' ', false, Json::error_handler_t::replace);
  file.close();
  std::error_code ignored;
  if (file) std::filesystem::rename(beside, path_, ignored);
}

std::optional<WorkNote::Content> WorkNote::Load(const std::string& state_dir, const std::string& context_id) {
  std::ostringstream text;
  text << std::ifstream(NotePath(state_dir, context_id)).rdbuf();
  const Json json = Json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
  try {
    return Content{json.at("begun_ms").get<std::int64_t>(), json.at("doing").get<std::string>(),
                   json.at("table").get<std::string>(), json.at("rows").get<std::uint64_t>(),
                   json.at("expected").get<std::uint64_t>()};
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace mirror
