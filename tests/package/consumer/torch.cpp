// libtorch is found, compiled against and linked.
#include <recllm/torch/torch.hpp>

bool torch_adds() { return at::equal(at::ones({2}) + at::ones({2}), at::full({2}, 2.0f)); }
