// Runs every file of a folder through a fuzz target, so that what a fuzzer once found stays found in builds
// without one. A target that does not like an input aborts, as it does under libFuzzer.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void Run(const std::string& name, const std::string& input) {
  // Said before, so that an abort is known by its file; copied, so that reading past the end is noticed.
  std::printf("%s (%zu bytes)\n", name.c_str(), input.size());
  std::fflush(stdout);
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "Usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(argv[1], error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->is_regular_file()) files.push_back(entry->path());
  }
  if (error || files.empty()) {
    std::fprintf(stderr, "%s: %s\n", argv[1], error ? error.message().c_str() : "no files in it");
    return 1;
  }
  std::sort(files.begin(), files.end());

  Run("(empty)", "");
  for (const std::filesystem::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    const std::string input((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (file.bad()) {
      std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
      return 1;
    }
    Run(path.filename().string(), input);
    // A file cut short is the cheapest input that nobody thought of.
    Run(path.filename().string() + ", first half", input.substr(0, input.size() / 2));
  }
  std::printf("%zu files\n", files.size());
  return 0;
}
