"""The parts that read Inductor's module, and the random stream that its kernels draw from."""

from __future__ import annotations

import pytest

from g2.check.child import wrapper

pytestmark = pytest.mark.torch
TEXT = """
triton_a = async_compile.triton('triton_a', '''the source''', device_str='cuda')
cpp_b = async_compile.cpp_pybinding([], '''the source''')

class Runner:
    def call(self, args):
        primals_1, arg1 = args
        args.clear()
        assert_size_stride(primals_1, (4, 4), (4, 1), 'input')
        with torch.cuda._DeviceGuard(0):
            torch.cuda.set_device(0)
            buf0 = empty_strided_cuda((4, 4), (4, 1), torch.float32)
            raw_stream0 = get_raw_stream(0)
            triton_a.run(primals_1, buf0, 16, stream=raw_stream0)
            del primals_1
            buf1 = empty_strided_cuda((4, 4), (4, 1), torch.float32)
            extern_kernels.mm(reinterpret_tensor(buf0, (4, 4), (1, 4), 0), arg1, out=buf1)
            buf2 = torch.ops.aten.sort.stable(buf1, stable=False, dim=0, descending=False)
            buf3 = buf2[0]
            buf5 = reinterpret_tensor(buf1, (16, ), (1, ), 0); del buf1  # reuse
            if buf3_item:
                triton_a.run(buf3, buf5, 16, stream=raw_stream0)
            cpp_b(buf5)
        return (buf5, )

def benchmark_compiled_module(times=10, repeat=10):
    triton_a.run(rand_strided((4, 4), (4, 1)), None, 16)
"""


def test_a_module_is_read() -> None:
    module = wrapper.read(TEXT)
    assert module.sources == {"triton_a": "the source"}
    found = [(one.kernel, one.kind, one.args, one.made) for one in module.launches]
    assert found == [
        ("triton_a", "triton", ("primals_1", "buf0", 16), ()),
        ("extern_kernels.mm", "library", ("buf0", "arg1", "buf1"), ("buf1",)),
        ("torch.ops.aten.sort.stable", "library", ("buf1", 0), ("buf2",)),
        ("triton_a", "triton", ("buf3", "buf5", 16), ()),
        ("cpp_b", "cpp", ("buf5",), ()),
    ]
    assert module.reused["buf5"] == "buf1"


def test_philox_gives_the_known_answer() -> None:
    """The first vector of Random123's kat_vectors for philox4x32 with 10 rounds: counter and key 0."""
    import torch

    from g2.check.child.random import philox

    words = philox(0, torch.zeros(1, dtype=torch.int64))
    assert [int(word) for word in words] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def test_lines_of_a_stack() -> None:
    import torch

    from g2.check.child.lines import of_root, of_text
    from g2.check.model import Line

    inside = f'  File "{torch.__path__[0]}/nn/modules/linear.py", line 134, in forward\n    return F.linear(x)\n'
    library = '  File "/lib/python3/site-packages/models/gpt.py", line 7, in block\n    y = self.fc(x)\n'
    own = '  File "/home/me/train.py", line 3, in torch_dynamo_resume_in_step_at_2\n    z = model(x)\n    ^^^^^\n'
    assert of_text(own + library + inside) == (
        Line("/lib/python3/site-packages/models/gpt.py", 7, "block"),
        Line("/home/me/train.py", 3, "step"),
    )
    assert [one.line for one in of_text(inside)] == [134]  # all of it is torch's
    assert of_text("") == ()
    assert of_root("Net@/home/me/train.py:12") == (Line("/home/me/train.py", 12, "Net"),)
    assert of_root("Net") == ()
